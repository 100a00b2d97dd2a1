"""Learn to write one text for another: a small T5 from scratch, or a trained model.

Paper: Raffel et al., 2020 (https://arxiv.org/abs/1910.10683): a text before the input says what is to be done; spans
that are taken out of running text are learned first, section 3.1.4. Scores: Lin, 2004
(https://aclanthology.org/W04-1013).
"""

from kerasarch.recipe import Run, recipe
from kerasarch.training import TextToTextOptions


@recipe(task="text-to-text", data="phrases of numbers, both ways", expect={"rougeL": ">=70"})
def text_to_text(
    run: Run,
    *,
    options: TextToTextOptions = TextToTextOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Learn to write one text for another: a small T5 from scratch, or a trained model.

    From scratch a T5 first learns to restore spans that are taken out of running text, then the pairs. With --weights
    a T5, mT5 or BART goes on from what it knows. The report shows ROUGE of the test part beside that of the inputs
    themselves, texts, and spans that were restored. Go on with kerasarch generate RUN --prompt TEXT; the folder
    text-to-text/ in the run's holds model and tokenizer in Hugging Face layout.

    Choose translate for pairs of languages: it averages weights, stops early and shows what is looked at.
    """
    from kerasarch.runs.text_to_text import learn_pairs, learn_spans, load_text_pairs, open_writer

    pairs = load_text_pairs(run, options)
    writer = open_writer(run, options, pairs)
    figures = learn_spans(run, writer, pairs, options)
    return {**learn_pairs(run, writer, pairs, options), **figures}
