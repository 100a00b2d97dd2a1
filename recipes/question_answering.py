"""Find the answers to questions in passages with an encoder: a trained one that is fine-tuned, or one from scratch.

Papers: Devlin et al., 2019, sections 4.2 and 4.3 (https://arxiv.org/abs/1810.04805); Rajpurkar et al., 2016 and 2018
(SQuAD 1.1 and 2.0; https://arxiv.org/abs/1606.05250, https://arxiv.org/abs/1806.03822).
"""

from typing import Annotated

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import Family, QuestionOptions


@recipe(task="question-answering", data="signatures of the standard library", expect={"f1": ">=45"})
def question_answering(
    run: Run,
    *,
    data: str = "signatures",
    limit: Annotated[int, Ge(1)] | None = None,
    model: Family = "bert",
    options: QuestionOptions = QuestionOptions(batch=64, length=64, overlap=16),  # noqa: B008
) -> dict[str, float]:
    """Find the answers to questions in passages with an encoder, trained before or from scratch.

    The answer is a part of the passage, or there is none. Long passages are read in windows that overlap. With
    --weights a trained encoder gets a new head and is fine-tuned; from scratch little can be learned of language, and
    much of form: the bundled questions ask for the defaults of arguments, which stand in the signatures of functions.
    The report sets exact match and F1 beside answers that are given without reading the question. Go on with kerasarch
    predict RUN "a question" "a passage".

    Args:
        data: Questions in SQuAD's format, version 1.1 or 2.0: a .json file, a folder with train and dev files, or
            signatures for functions of the running Python's standard library.
        limit: Questions to learn from, at most; none takes all.
        model: Family of the encoder where there are no weights.
    """
    from kerasarch.data.questions import load_questions
    from kerasarch.runs.answering import some_questions, train_reader
    from kerasarch.runs.encoders import open_encoder

    questions = some_questions(run, load_questions(data, seed=run.seed), limit)
    settled = options.settled(epochs=8)
    texts = [text for one in questions.train for text in (one.text, one.passage)]
    encoder = open_encoder(run, settled, texts, family=model, lower=False, head="question_answering")
    return train_reader(run, encoder, questions, settled)
