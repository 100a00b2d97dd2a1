"""Learn to translate sentences: a recurrent network with attention, or a transformer.

Papers: Bahdanau, Cho & Bengio, 2015 (rnn; https://arxiv.org/abs/1409.0473); Luong, Pham & Manning, 2015
(https://arxiv.org/abs/1508.04025); Vaswani et al., 2017 (transformer; https://arxiv.org/abs/1706.03762).
"""

from typing import Annotated, Any, Literal

from kerasarch.recipe import Ge, Interval, Run, recipe
from kerasarch.training import ParallelTextOptions


@recipe(task="translation", data="phrases of numbers", expect={"bleu": ">=80"})
def translate(
    run: Run,
    *,
    model: Literal["rnn", "transformer"] = "transformer",
    depth: Annotated[int, Ge(1)] | None = None,
    width: Annotated[int, Ge(1)] = 256,
    heads: Annotated[int, Ge(1)] = 4,
    hidden: Annotated[int, Ge(1)] | None = None,
    attention: Literal["bahdanau", "dot", "general", "concat"] = "general",
    own_tokens: Annotated[float, Interval(ge=0, lt=1)] = 0.0,
    text: ParallelTextOptions = ParallelTextOptions(),  # noqa: B008
) -> dict[str, float]:
    """Learn to translate sentences: a recurrent network with attention, or a transformer.

    Pieces of words are learned from the pairs, batches are made of pairs of like lengths. After each epoch validation
    sentences are translated; the weights with the best validation perplexity are kept. The report shows BLEU,
    translations, how they changed over training, and what the model looks at while it writes. Translate with
    kerasarch generate RUN --prompt TEXT.

    The transformer normalises before each branch, not behind it as in the paper: it bears higher learning rates and
    needs fewer steps.

    Args:
        model: Kind of network.
        depth: Layers of the encoder and of the decoder; none is 1 for rnn, 3 for transformer.
        width: Channels: of the embeddings and layers.
        heads: Of the transformer's attention.
        hidden: Of the transformer: units of its feed-forward networks; none is twice the width.
        attention: Of the rnn: what scores tokens that are read.
        own_tokens: Of the rnn: part of the tokens that its decoder reads of its own at the end of training, growing
            from none at its beginning (scheduled sampling).
    """
    from kerasarch import models
    from kerasarch.errors import UsageError
    from kerasarch.runs.sentence_translation import load_sentences, own_tokens_schedule, train_translator

    if own_tokens and model != "rnn":
        raise UsageError("--own-tokens is for --model rnn: a transformer reads all tokens of a sentence at once.")
    data = load_sentences(run, text)
    sizes: dict[str, Any] = {"width": width, "dropout": text.dropout, **data.special}
    read, written = data.vocabularies
    network: Any
    if model == "transformer":
        network = models.transformer(
            source_vocabulary=read, vocabulary=written, shared=data.tokenizers.joint, depth=depth or 3, heads=heads,
            hidden=hidden or 2 * width, norm_first=True, **sizes,
        )  # fmt: skip
    else:
        network = models.seq2seq_rnn(
            source_vocabulary=read, target_vocabulary=written, embedding=width, depth=depth or 1, attention=attention,
            sampling=own_tokens_schedule(own_tokens, data.train.steps * text.epochs), seed=run.seed, **sizes,
        )  # fmt: skip
    return train_translator(run, network, data, text)
