"""Train a small GPT on text, character by character.

Papers: Radford et al., 2019, "Language Models are Unsupervised Multitask Learners" (the network); Loshchilov and
Hutter, 2017 (AdamW; https://arxiv.org/abs/1711.05101). Sizes and training are those of nanoGPT's small setting for
processors, which is said to come to a loss of 1.88 on the works of Shakespeare, but for the learning rate, which is
three times as high. Seen here, by ``kerasarch run char-gpt --data input.txt --limit none`` on PyTorch, seed 0: 1.77.
Beside the same model in plain PyTorch on the same batches (``benchmarks/char_gpt.py``): 1.764 and 1.769, with nanoGPT's
own ``--learning-rate 0.001`` 1.898 and 1.910, on all of the held-out text.
"""

from typing import Annotated

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import LanguageOptions


@recipe(
    task="language-modelling",
    data="the standard library's source",
    expect={"bits_per_character": "<=2.45"},
)
def char_gpt(
    run: Run,
    *,
    depth: Annotated[int, Ge(1)] = 4,
    heads: Annotated[int, Ge(1)] = 4,
    width: Annotated[int, Ge(1)] = 128,
    bias: bool = False,
    language: LanguageOptions = LanguageOptions(learning_rate=3e-3),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Train a small GPT on text, character by character.

    A GPT-2 with fresh weights reads windows of text and learns to say the next character. The report shows what it
    writes over the course of training, and its loss beside what counts of characters and pairs come to. Go on with
    kerasarch generate RUN --prompt TEXT.

    Choose it to see how a language model learns, in minutes on a processor; char-lm compares other networks on the same
    text.

    Args:
        depth: Blocks.
        heads: Attention heads of a block.
        width: Channels of a token, a multiple of the heads.
        bias: Whether linear maps and normalisations have biases.
    """
    from kerasarch import models
    from kerasarch.errors import UsageError
    from kerasarch.runs.language import load_language, train_language_model

    if width % heads:
        raise UsageError(f"--width: received {width}, expected a multiple of the {heads} --heads.")
    data = load_language(run, language)
    model = models.gpt2(
        models.GPT2Config(
            vocabulary=len(data.tokenizer), positions=language.context, width=width, depth=depth, heads=heads,
            bias=bias, dropout=language.dropout, start=None, end=None,
        )
    )  # fmt: skip
    return train_language_model(run, model, data, language)
