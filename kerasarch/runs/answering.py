"""What the recipe of questions and answers does: windows, training, the best span, figures, what is saved."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data.answer_windows import NONE, AnswerBatches, AnswerWindows, question_windows
from kerasarch.data.questions import Question, QuestionSplits
from kerasarch.data.tokenizers import Tokenizer
from kerasarch.metrics.question_answering import exact_match, token_f1
from kerasarch.recipe import Run
from kerasarch.runs.encoders import Encoder
from kerasarch.runs.pretrained_folder import ENCODER, save_with_tokenizer
from kerasarch.runs.text_training import train_in_stages
from kerasarch.training.question_options import QuestionOptions

ASKED, SMOKE_ASKED = 128, 60
"""Windows in a batch when answers are sought; questions of each part in a quick trial."""
SHOWN = 12


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a model answers.

    Attributes:
        text: The best part of the passage.
        score: Sum of the logits of its beginning and end.
        none: The same of no answer: the lowest of all windows.
    """

    text: str
    score: float
    none: float

    def decided(self, threshold: float | None) -> str:
        """Return the text, or nothing where no answer scores higher by more than the threshold; None always answers."""
        return "" if threshold is not None and self.none - self.score > threshold else self.text


def some_questions(run: Run, questions: QuestionSplits, limit: int | None) -> QuestionSplits:
    """Return as many training questions as wanted; in a quick trial a few of each part."""
    if run.smoke:
        parts = (part[:SMOKE_ASKED] for part in (questions.train, questions.validation, questions.test))
        return QuestionSplits(questions.name, *parts)
    return dataclasses.replace(questions, train=questions.train[:limit])


def train_reader(run: Run, encoder: Encoder, questions: QuestionSplits, options: QuestionOptions) -> dict[str, float]:
    """Train an encoder to find answers, judge it, save it with its tokenizer.

    Args:
        run: The run.
        encoder: With the head ``"question_answering"``.
        questions: The questions.
        options: Settled options.

    Returns:
        ``exact_match`` and ``f1`` on the questions to report, in per cent, ``baseline_exact_match`` and
        ``baseline_f1``; where some have no answer also ``answered_f1`` of those that have one, ``unanswerable_right``
        of those that have none, and the ``threshold``.
    """
    model, tokenizer = encoder.model, encoder.tokenizer

    def windows(part: Sequence[Question]) -> AnswerWindows:
        return question_windows(part, tokenizer, length=encoder.length, overlap=options.overlap)

    train, validation = windows(questions.train), windows(questions.validation)
    run.say(
        f"{questions.name}: {len(questions.train):,} questions in {len(train):,} windows of {train.ids.shape[1]} "
        f"tokens; {len(questions.test):,} to report; {encoder.name}"
    )
    train_in_stages(
        run, model, AnswerBatches(train, batch=options.batch, seed=run.seed),
        AnswerBatches(validation, batch=options.batch, shuffle=False), options, loss=model.losses_by_name(), metrics=[],
    )  # fmt: skip
    threshold = None
    if any(not one.answers for one in questions.train):
        found = find_answers(model, validation, questions.validation, longest=options.longest)
        threshold = best_threshold(found, questions.validation)
    answers = find_answers(model, windows(questions.test), questions.test, longest=options.longest)
    given = [answer.decided(threshold) for answer in answers]
    usual = frequent_answers(questions)
    _report(run, questions.test, given, usual)
    save_with_tokenizer(run, model, tokenizer, ENCODER)
    scores, baseline = judged(given, questions.test), judged(usual, questions.test)
    figures = {
        "exact_match": scores["exact match"],
        "f1": scores["F1"],
        "baseline_exact_match": baseline["exact match"],
        "baseline_f1": baseline["F1"],
    }
    if threshold is not None:
        figures |= {"answered_f1": scores["F1, with answer"], "unanswerable_right": scores["right, without answer"]}
        figures["threshold"] = threshold
    return figures


def ask(
    model: Any, tokenizer: Tokenizer, questions: Sequence[Question], *, length: int, overlap: int = 0, longest: int = 30
) -> list[Answer]:
    """Answer questions.

    Args:
        model: An encoder with the head ``"question_answering"``.
        tokenizer: Its tokenizer.
        questions: The questions.
        length: Tokens of a window.
        overlap: Tokens that the windows of a passage share.
        longest: Tokens of an answer at most.
    """
    windows = question_windows(questions, tokenizer, length=length, overlap=overlap)
    return find_answers(model, windows, questions, longest=longest)


def find_answers(
    model: Any, windows: AnswerWindows, questions: Sequence[Question], *, longest: int = 30
) -> list[Answer]:
    """Return the best part of each question's passage, over all windows.

    A part is worth the logit of its first token as a beginning and of its last as an end: Devlin et al., 2019, section
    4.2 (https://arxiv.org/abs/1810.04805); no answer is worth that of the first special token as both, section 4.3.

    Args:
        model: An encoder with the head ``"question_answering"``.
        windows: Of the questions.
        questions: The questions.
        longest: Tokens of an answer at most.
    """
    best: list[Answer | None] = [None] * len(questions)
    for start in range(0, len(windows), ASKED):
        places = np.arange(start, min(start + ASKED, len(windows)))
        outputs = model.predict_on_batch(windows.inputs(np.resize(places, ASKED)))
        begins, ends = (np.asarray(outputs[name], "float32")[: len(places)] for name in ("start_logits", "end_logits"))
        spans = best_spans(begins, ends, windows.spans[places, :, 0] >= 0, longest)
        for row, (place, (first, last, score)) in enumerate(zip(places, spans, strict=True)):
            owner, none = int(windows.owners[place]), float(begins[row, NONE] + ends[row, NONE])
            text = questions[owner].passage[windows.spans[place, first, 0] : windows.spans[place, last, 1]].strip()
            other = best[owner]
            if other is not None:
                none = min(none, other.none)
            kept = other if other is not None and other.score >= score else Answer(text, score, none)
            best[owner] = dataclasses.replace(kept, none=none)
    return [answer for answer in best if answer is not None]


def best_spans(begins: np.ndarray, ends: np.ndarray, allowed: np.ndarray, longest: int) -> list[tuple[int, int, float]]:
    """Return first token, last token and score of the best span of each row.

    Args:
        begins: Logits of beginnings, ``(N, T)``.
        ends: Logits of ends, ``(N, T)``.
        allowed: Where spans may begin and end, ``(N, T)``.
        longest: Tokens of a span at most.
    """
    length = begins.shape[1]
    rows = np.arange(len(begins))
    begins, ends = (np.where(allowed, logits, -np.inf) for logits in (begins, ends))
    best, first, last = np.full(len(begins), -np.inf), np.zeros(len(begins), int), np.zeros(len(begins), int)
    for more in range(min(longest, length)):  # spans of 1, 2, ... tokens
        scores = begins[:, : length - more] + ends[:, more:]
        place = scores.argmax(axis=1)
        found = scores[rows, place]
        better = found > best
        best = np.where(better, found, best)
        first, last = np.where(better, place, first), np.where(better, place + more, last)
    return [(int(one), int(other), float(score)) for one, other, score in zip(first, last, best, strict=True)]


def best_threshold(answers: Sequence[Answer], questions: Sequence[Question]) -> float:
    """Return by how much no answer must score higher to be given, so that the F1 of questions is the highest.

    As the evaluation of SQuAD 2.0 seeks it: Rajpurkar et al., 2018 (https://arxiv.org/abs/1806.03822). Between two
    answers that differ by their scores it lies in the middle.

    Args:
        answers: Of the questions.
        questions: The questions, held out.
    """
    margins = np.array([answer.none - answer.score for answer in answers])
    order = np.argsort(margins, kind="stable")
    spoken = np.array([token_f1(answer.text, one.answers) for answer, one in zip(answers, questions, strict=True)])
    silent = np.array([float(not one.answers) for one in questions])
    # Of the answers in this order the first k are given, the others are left out
    scores = (
        np.concatenate([[0], np.cumsum(spoken[order])]) + silent.sum() - np.concatenate([[0], np.cumsum(silent[order])])
    )
    ordered = margins[order]
    edges = np.concatenate([[ordered[0] - 1], (ordered[:-1] + ordered[1:]) / 2, [ordered[-1] + 1]])
    return float(edges[scores.argmax()])


def frequent_answers(questions: QuestionSplits) -> list[str]:
    """Answer without reading the question: what is the answer most often of what stands in the passage.

    Nothing, where more of the questions that were learned from have no answer than this is right for.
    """
    counts = Counter(one.answers[0] for one in questions.train if one.answers)
    common = [text for text, _ in counts.most_common(200)]

    def guess(one: Question) -> str:
        return next((text for text in common if text in one.passage), "")

    right = sum(exact_match(guess(one), one.answers) for one in questions.train)
    if sum(not one.answers for one in questions.train) > right:
        return [""] * len(questions.test)
    return [guess(one) for one in questions.test]


def judged(given: Sequence[str], questions: Sequence[Question]) -> dict[str, float]:
    """Return the figures of answers in per cent, by name."""
    pairs = list(zip(given, questions, strict=True))

    def mean(values: list[float]) -> float:
        return 100 * float(np.mean(values)) if values else float("nan")

    scores = {
        "exact match": mean([exact_match(text, one.answers) for text, one in pairs]),
        "F1": mean([token_f1(text, one.answers) for text, one in pairs]),
    }
    if any(not one.answers for one in questions):
        scores["F1, with answer"] = mean([token_f1(text, one.answers) for text, one in pairs if one.answers])
        scores["right, without answer"] = mean([float(not text) for text, one in pairs if not one.answers])
    return scores


def _report(run: Run, questions: Sequence[Question], given: Sequence[str], usual: Sequence[str]) -> None:
    names = {"the most frequent answers, whatever is asked": usual, "this model": given}
    run.table(
        "answers",
        [{"answers": name, **judged(answers, questions)} for name, answers in names.items()],
        caption=f"{len(questions):,} held-out questions; in per cent",
    )
    places = np.linspace(0, len(questions) - 1, min(SHOWN, len(questions))).astype(int)
    rows = [
        {
            "question": questions[place].text,
            "passage": questions[place].passage,
            "right": " | ".join(dict.fromkeys(questions[place].answers)) or "(no answer)",
            "answer": given[place] or "(no answer)",
        }
        for place in places
    ]
    run.table("examples", rows, caption="Held-out questions")
