"""Go on training a language model on a text of one's own.

Papers: Howard and Ruder, 2018, section 3.2 (https://arxiv.org/abs/1801.06146); adapters, Hu et al., 2021
(https://arxiv.org/abs/2106.09685); texts packed into rows, Krell et al., 2021 (https://arxiv.org/abs/2107.02027).
"""

from kerasarch.recipe import Run, recipe
from kerasarch.training import AdaptationOptions


@recipe(task="language-modelling", data="a package of the standard library", expect={"bits_per_character": "<=2.3"})
def finetune_lm(
    run: Run,
    *,
    options: AdaptationOptions = AdaptationOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Go on training a language model on a text of one's own.

    A GPT-2, Llama, Bloom, MPT or another decoder from a folder in Hugging Face layout, or a run of char-gpt, learns a
    text, with all its weights or, by --rank, with low-rank adapters of its attentions alone. The report shows the
    perplexity of held-out text and what the model writes, before and after. Go on with kerasarch generate RUN; the
    folder language-model/ in the run's holds model and tokenizer in Hugging Face layout, adapters merged;
    adapters/ holds them alone, which is little.

    Without --weights nothing is fetched: a small GPT learns the source of one package of the standard library first,
    then that of another. The report shows what it forgets.
    """
    from kerasarch.runs.adapting import adapt, open_language

    return adapt(run, open_language(run, options), options)
