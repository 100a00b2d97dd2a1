"""Train a language model of any kind on text, character by character.

Papers: Mikolov et al., 2010, "Recurrent neural network based language model" (rnn); Hochreiter and Schmidhuber, 1997
(lstm; https://doi.org/10.1162/neco.1997.9.8.1735); Cho et al., 2014 (gru; https://arxiv.org/abs/1406.1078); Radford et
al., 2019 (gpt); Gu et al., 2022 (s4d; https://arxiv.org/abs/2206.11893); Gu and Dao, 2023 (mamba;
https://arxiv.org/abs/2312.00752); Dao and Gu, 2024 (mamba2; https://arxiv.org/abs/2405.21060).
"""

from typing import Annotated, Any, Literal

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import LanguageOptions


@recipe(task="language-modelling", data="the standard library's source", expect={"bits_per_character": "<=2.5"})
def char_lm(
    run: Run,
    *,
    model: Literal["rnn", "lstm", "gru", "gpt", "s4d", "mamba", "mamba2"] = "lstm",
    depth: Annotated[int, Ge(1)] = 2,
    width: Annotated[int, Ge(1)] = 192,
    language: LanguageOptions = LanguageOptions(batch=32, context=96, learning_rate=2e-3, beta=0.999),  # noqa: B008
) -> dict[str, float]:
    """Train a language model of any kind on text, character by character.

    A recurrent network carries a state from character to character, a GPT looks back at all of them, a state-space
    model (s4d, mamba) is read in parallel and goes on with a state. The report shows what the model writes over the
    course of training, and its loss beside what counts come to. Go on with kerasarch generate RUN --prompt TEXT.

    Choose it to compare kinds of networks on one text: kerasarch runs compare shows runs side by side.

    Args:
        model: Kind of network.
        depth: Layers or blocks.
        width: Channels; a multiple of 32 for gpt and mamba2.
    """
    from kerasarch import models
    from kerasarch.errors import UsageError
    from kerasarch.runs.language import load_language, train_language_model

    if width % 32 and model in ("gpt", "mamba2"):
        raise UsageError(f"--width: received {width}, expected a multiple of 32 for {model}.")
    data = load_language(run, language)
    sizes: dict[str, Any] = {
        "vocabulary": len(data.tokenizer), "width": width, "depth": depth, "dropout": language.dropout, "start": None,
        "end": None,
    }  # fmt: skip
    network: Any
    if model in ("rnn", "lstm", "gru"):
        network = models.recurrent_lm(f"{model}_lm", **sizes)
    elif model == "gpt":
        network = models.gpt2(positions=language.context, heads=width // 32, **sizes)
    elif model == "mamba2":
        network = models.mamba2(head_width=32, **sizes)
    else:
        network = {"s4d": models.s4d, "mamba": models.mamba}[model](**sizes)
    return train_language_model(run, network, data, language)
