"""The best span, and when there is none, against trying all."""

import numpy as np
import pytest

from kerasarch.data.questions import Question, QuestionSplits
from kerasarch.metrics.question_answering import token_f1
from kerasarch.runs.answering import Answer, best_spans, best_threshold, frequent_answers, judged


def test_the_best_span_of_all():
    rng = np.random.default_rng(0)
    begins, ends = rng.normal(size=(2, 12, 9)).astype("float32")
    allowed = rng.random((12, 9)) < 0.7
    allowed[:, 4] = True
    for longest in (1, 3, 20):
        found = best_spans(begins, ends, allowed, longest)
        for row in range(12):
            spans = [
                (begins[row, first] + ends[row, last], first, last)
                for first in range(9)
                for last in range(first, min(first + longest, 9))
                if allowed[row, first] and allowed[row, last]
            ]
            score, first, last = max(spans)
            assert found[row] == (first, last, pytest.approx(score))


def test_the_threshold_is_the_best_of_all():
    rng = np.random.default_rng(1)
    questions = [Question(str(n), "q", "p", ("right",) if rng.random() < 0.6 else ()) for n in range(40)]
    answers = [Answer(rng.choice(["right", "wrong"]), *rng.normal(size=2)) for _ in questions]

    def score(threshold):
        return sum(
            token_f1(one.decided(threshold), asked.answers) for one, asked in zip(answers, questions, strict=True)
        )

    tried = max(score(edge) for edge in np.linspace(-6, 6, 4001))
    assert score(best_threshold(answers, questions)) == pytest.approx(tried)
    assert tried > max(score(-100), score(100))
    assert answers[0].decided(None) == answers[0].text


def test_answers_without_reading_the_question():
    train = [Question(str(n), "q", "p None", ("None",)) for n in range(3)] + [Question("x", "q", "True", ("True",))]
    test = (Question("y", "q", "a True b", ("a",)), Question("z", "q", "None True", ("None",)))
    assert frequent_answers(QuestionSplits("", tuple(train), (), test)) == ["True", "None"]
    silent = (*train, *(Question(str(n), "q", "p None", ()) for n in range(9)))
    assert frequent_answers(QuestionSplits("", silent, (), test)) == ["", ""]
    assert judged(["a", ""], test) == {"exact match": 50.0, "F1": 50.0}
