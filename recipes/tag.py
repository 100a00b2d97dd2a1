"""Mark spans in sentences, such as names: a recurrent tagger from scratch, or an encoder.

Papers: Ma and Hovy, 2016 (bilstm; https://arxiv.org/abs/1603.01354); Devlin et al., 2019, section 5.3 (encoders;
https://arxiv.org/abs/1810.04805); Tjong Kim Sang and De Meulder, 2003 (the task; https://aclanthology.org/W03-0419).
"""

from typing import Literal

from kerasarch.recipe import Run, recipe
from kerasarch.training import TaggingOptions


@recipe(task="tagging", data="statements of the standard library", expect={"f1": ">=0.9"})
def tag(
    run: Run,
    *,
    data: str = "code",
    model: Literal["bilstm", "bert", "roberta", "distilbert", "albert", "deberta", "deberta_v2"] = "bilstm",
    options: TaggingOptions = TaggingOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Mark spans in sentences, such as names, with a tag for each word.

    Without --weights a bidirectional LSTM reads words and their characters (bilstm), or a small encoder reads pieces of
    words. With --weights a trained encoder gets a head for tags and is opened group by group. The report has
    precision, recall and F1 of whole spans by kind beside a linear model's, and sentences with what was marked. Go on
    with kerasarch predict RUN "a sentence".

    Args:
        data: Tagged sentences in columns (CoNLL): a file, a folder of files with train, dev and test in their names,
            or code for statements of the running Python's standard library.
        model: Kind of network where there are no weights.
    """
    from kerasarch.data import load_conll
    from kerasarch.runs.tagging import open_tagger, some_sentences, train_tagger

    splits = some_sentences(run, load_conll(data, seed=run.seed))
    settled = options.settled(epochs=10, **({"dropout": 0.5, "rate": 5e-3} if model == "bilstm" else {}))
    tagger, name = open_tagger(run, splits, model, settled)
    run.say(f"{splits.name}: {len(splits.train):,} sentences with {len(splits.labels) // 2} kinds of spans; {name}")
    return train_tagger(run, tagger, name, splits, settled)
