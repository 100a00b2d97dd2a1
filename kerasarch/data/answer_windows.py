"""Questions with their passages as tokens, long passages in windows that overlap."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerasarch.data.padded_batches import PaddedBatches
from kerasarch.data.questions import Question
from kerasarch.data.tokenizers import Tokenizer
from kerasarch.errors import DataError, UsageError

NONE = 0
"""The place, that of the first special token, which says that a window holds no answer."""


@dataclasses.dataclass(frozen=True)
class AnswerWindows:
    """Windows of passages behind their questions.

    Attributes:
        ids: Tokens, ``(N, L)``.
        mask: 1 where there is a token, ``(N, L)``.
        types: 1 for tokens of the passage where the tokenizer tells them apart, ``(N, L)``.
        starts: Place of the answer's first token, 0 where the window does not hold it whole, ``(N,)``.
        ends: Place of its last token, ``(N,)``.
        owners: Number of the question of each window, ``(N,)``.
        spans: Where in the passage each token begins and ends, -1 for what is none of it, ``(N, L, 2)``.
    """

    ids: np.ndarray
    mask: np.ndarray
    types: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    owners: np.ndarray
    spans: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def inputs(self, places: Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
        """Return windows as text encoders take them."""
        chosen = np.asarray(places, int)
        return {
            "input_ids": self.ids[chosen], "attention_mask": self.mask[chosen], "token_type_ids": self.types[chosen]
        }  # fmt: skip


def question_windows(
    questions: Sequence[Question], tokenizer: Tokenizer, *, length: int, overlap: int = 0, question: int | None = None
) -> AnswerWindows:
    """Turn questions into windows: the question, then as much of the passage as there is room for.

    A passage that does not fit goes on in further windows, each beginning with the last tokens of the one before it.
    The answer to learn is the first of a question's; a window that does not hold it whole has none: Devlin et al.,
    2019, sections 4.2 and 4.3 (https://arxiv.org/abs/1810.04805), whose public code does so.

    Args:
        questions: The questions.
        tokenizer: Puts special tokens around and between, the first of all before the question.
        length: Tokens of a window at most.
        overlap: Tokens that two windows share.
        question: Tokens of a question at most; what is longer is cut. None for half of what the overlap leaves.

    Raises:
        UsageError: There is no room for a passage beside a question, or no special token stands first.
        DataError: There are no questions.
    """
    if not questions:
        raise DataError("There are no questions. Give one at least.")
    question = max((length - overlap) // 2, 1) if question is None else question
    rows: list[tuple[list[int], list[int], int, int, int, list[tuple[int, int]]]] = []
    known: dict[str, tuple[list[int], list[tuple[int, int]]]] = {}
    for number, one in enumerate(questions):
        asked = tokenizer.encode(one.text)[:question]
        frame, _ = tokenizer.frame(asked, [-1])
        before = frame.index(-1)
        room = length - len(frame) + 1
        if room <= overlap or frame[: len(asked)] == asked:
            raise UsageError(
                f"Windows of {length} tokens: {room} are left beside the question {one.text!r}, expected more than the "
                f"overlap of {overlap}, and a special token before the question. Give longer windows."
            )
        if one.passage not in known:
            known = {one.passage: tokenizer.locate(one.passage)}  # those of one passage follow each other
        ids, spans = known[one.passage]
        first, last = answer_tokens(one, spans)
        for begin in range(0, max(len(ids) - overlap, 1), room - overlap):
            end = min(begin + room, len(ids))
            held = first is not None and last is not None and begin <= first and last < end
            start, stop = (before + first - begin, before + last - begin) if held else (NONE, NONE)  # type: ignore[operator]
            row, kinds = tokenizer.frame(asked, ids[begin:end])
            around = [(-1, -1)]
            places = around * before + spans[begin:end] + around * (len(row) - before - (end - begin))
            rows.append((row, kinds, start, stop, number, places))
            if end == len(ids):
                break
    width = max(len(row[0]) for row in rows)
    ids_, mask, kinds_ = (np.full((len(rows), width), value, "int32") for value in (tokenizer.padding, 0, 0))
    spans_ = np.full((len(rows), width, 2), -1, "int32")
    for place, (row, kinds, _, _, _, places) in enumerate(rows):
        ids_[place, : len(row)], mask[place, : len(row)], kinds_[place, : len(row)] = row, 1, kinds
        spans_[place, : len(row)] = places
    starts, ends, owners = (np.array([row[field] for row in rows], "int32") for field in (2, 3, 4))
    return AnswerWindows(ids_, mask, kinds_, starts, ends, owners, spans_)


def answer_tokens(question: Question, spans: Sequence[tuple[int, int]]) -> tuple[int | None, int | None]:
    """Return the first and the last token of a question's first answer in its passage; None where there is none.

    Args:
        question: The question.
        spans: Where each token of the passage begins and ends.
    """
    if not question.answers:
        return None, None
    start = question.starts[0]
    end = start + len(question.answers[0])
    inside = [place for place, (begin, stop) in enumerate(spans) if stop > start and begin < end and stop > begin]
    return (inside[0], inside[-1]) if inside else (None, None)


class AnswerBatches(PaddedBatches):
    """Batches of windows of like lengths; batch ``i`` of epoch ``e`` depends only on the seed, ``e`` and ``i``.

    ``batches[i]`` is ``(inputs, {"start_logits", "end_logits"})``, the places of an answer's first and last token: what
    ``fit`` takes for an encoder with the head ``"question_answering"``.

    Args:
        windows: The windows.
        batch: Windows of a batch, those that there are at most.
        shuffle: Whether each epoch has another order, and what is left over sits out; else the last batch may be
            smaller.
        seed: Of the order.
    """

    def __init__(self, windows: AnswerWindows, *, batch: int, shuffle: bool = True, seed: int = 0):
        self.windows = windows
        lengths = windows.mask.sum(axis=1)
        super().__init__(lengths, batch=batch, longest=int(lengths.max()), shuffle=shuffle, seed=seed)

    def rows(self, places: np.ndarray, epoch: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the batch of the windows at these places."""
        windows = self.windows
        width = self.widths[int(self._buckets[places].max())]
        inputs = {name: rows[:, :width] for name, rows in windows.inputs(places).items()}
        return inputs, {"start_logits": windows.starts[places], "end_logits": windows.ends[places]}
