"""Tell the class of a text with an encoder: a trained one that is fine-tuned, or a small one from scratch.

Papers: Howard and Ruder, 2018, sections 3.2 and 3.3 (gradual unfreezing, discriminative rates;
https://arxiv.org/abs/1801.06146); Devlin et al., 2019 (https://arxiv.org/abs/1810.04805) and the other papers of the
encoders; Sun et al., 2019, section 5.3 (rates of BERT's layers; https://arxiv.org/abs/1905.05583).
"""

from kerasarch.recipe import Run, recipe
from kerasarch.training import Family, TextClassificationOptions


@recipe(task="text-classification", data="lines of the standard library", expect={"accuracy": ">=0.6"})
def finetune_text(
    run: Run,
    *,
    data: str = "modules",
    model: Family = "bert",
    options: TextClassificationOptions = TextClassificationOptions(),  # noqa: B008
) -> dict[str, float]:
    """Tell the class of a text with an encoder, trained before or from scratch.

    With --weights a trained encoder gets a new head and is opened group by group from the top down, lower groups
    learning slower. Without, a small encoder learns from the texts alone, with a tokenizer that is learned from them
    too. The report sets both beside a logistic regression on words and pairs of words, which is hard to beat where
    texts are few. Go on with kerasarch predict RUN "a text".

    Args:
        data: Texts with classes: a .csv, .tsv or .jsonl file, a folder of such files or of class folders, tfds:NAME,
            or modules for lines of the running Python's standard library, whose module is to be told.
        model: Family of the encoder where there are no weights.
    """
    from kerasarch.data import load_labelled_texts
    from kerasarch.runs.encoders import open_encoder
    from kerasarch.runs.text_classification import some_texts, train_text_classifier

    texts = some_texts(run, load_labelled_texts(data, seed=run.seed, offline=run.offline))
    settled = options.settled(epochs=10)
    encoder = open_encoder(
        run, settled, texts.train.texts, family=model, lower=True, head="classification", labels=texts.classes
    )
    run.say(f"{texts.name}: {len(texts.train):,} texts of {len(texts.classes)} classes; {encoder.name}")
    return train_text_classifier(run, encoder, texts, settled)
