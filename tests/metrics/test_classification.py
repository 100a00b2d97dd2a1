"""Classification summaries against values worked out by hand."""

import json

import numpy as np
import pytest

from kerasarch.errors import DataError, ShapeError, UsageError
from kerasarch.metrics import classification_summary, confusion_matrix, top_k_accuracy

pytestmark = pytest.mark.backend_free

LABELS = np.array([0, 0, 0, 1, 1, 2])
GIVEN = np.array([0, 0, 1, 1, 2, 2])


def test_three_classes_by_hand():
    summary = classification_summary(LABELS, GIVEN, ["a", "b", "c"])
    assert summary.confusion.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert summary.accuracy == pytest.approx(4 / 6)
    table = {scores.name: scores for scores in summary.classes}
    assert [scores.count for scores in summary.classes] == [3, 2, 1]
    assert (table["a"].precision, table["a"].recall) == pytest.approx((1, 2 / 3))
    assert (table["b"].precision, table["b"].recall) == pytest.approx((1 / 2, 1 / 2))
    assert (table["c"].precision, table["c"].recall) == pytest.approx((1 / 2, 1))
    assert [scores.f1 for scores in summary.classes] == pytest.approx([4 / 5, 1 / 2, 2 / 3])
    assert summary.macro_precision == pytest.approx(2 / 3)
    assert summary.macro_recall == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert summary.macro_f1 == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)
    assert summary.micro_precision == summary.micro_recall == summary.micro_f1 == summary.accuracy
    assert summary.roc_auc is None
    assert "roc_auc" not in summary.metrics()


def test_scores_of_two_classes():
    # Of the four pairs of a negative (0.1, 0.6) and a positive (0.4, 0.9) three are in the right order.
    positive = np.array([0.1, 0.6, 0.4, 0.9])
    scores = np.stack([1 - positive, positive], axis=1)
    summary = classification_summary(np.array([0, 0, 1, 1]), scores)
    assert summary.roc_auc == pytest.approx(3 / 4)
    assert summary.accuracy == pytest.approx(1 / 2)
    logits = np.stack([np.zeros(4), np.log(positive / (1 - positive))], axis=1)
    assert classification_summary(np.array([0, 0, 1, 1]), logits).roc_auc == pytest.approx(3 / 4)


def test_scores_of_three_classes():
    scores = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])
    # Against the rest: class 0 has 2 of 4 pairs right and 2 wrong ... counted below, pair by pair.
    labels = np.array([0, 1, 1, 2])
    areas = []
    for label in range(3):
        pairs = [
            (scores[i, label] > scores[j, label]) + 0.5 * (scores[i, label] == scores[j, label])
            for i in range(4)
            for j in range(4)
            if labels[i] == label and labels[j] != label
        ]
        areas.append(np.mean(pairs))
    assert classification_summary(labels, scores).roc_auc == pytest.approx(np.mean(areas))


def test_absent_classes():
    summary = classification_summary(np.array([0, 0, 2]), np.array([0, 2, 2]), ["a", "b", "c", "d"])
    assert [scores.count for scores in summary.classes] == [2, 0, 1, 0]
    assert summary.classes[1].f1 == 0
    assert summary.macro_recall == pytest.approx((1 / 2 + 1) / 2)  # b and d do not occur at all
    never_right = classification_summary(np.array([0, 0]), np.array([0, 1]))
    assert never_right.macro_precision == pytest.approx(1 / 2)  # class 1 was predicted, so it counts
    scores = np.array([[0.9, 0.1], [0.8, 0.2]])
    assert classification_summary(np.array([0, 0]), scores).roc_auc is None


def test_to_json():
    saved = json.loads(json.dumps(classification_summary(LABELS, GIVEN, "abc").to_json()))
    assert saved["confusion"][0] == [2, 1, 0]
    assert saved["classes"][2] == {"name": "c", "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "count": 1}
    assert saved["roc_auc"] is None


def test_top_k():
    scores = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.4, 0.4, 0.2]])
    labels = np.array([1, 0, 1])
    assert [top_k_accuracy(labels, scores, k) for k in (1, 2, 3)] == pytest.approx([0, 2 / 3, 1])
    for k in (0, 4):
        with pytest.raises(UsageError, match="from 1 to"):
            top_k_accuracy(labels, scores, k)


def test_confusion_keeps_all_classes():
    assert confusion_matrix(np.array([1]), np.array([1]), 3).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    with pytest.raises(DataError, match="from 0 to 1"):
        confusion_matrix(np.array([2]), np.array([0]), 2)


@pytest.mark.parametrize(
    ("labels", "predictions", "error", "message"),
    [
        (np.zeros(3, int), np.zeros((2, 2)), ShapeError, "Received"),
        (np.zeros((3, 1), int), np.zeros(3, int), ShapeError, "Received"),
        (np.zeros(0, int), np.zeros((0, 2)), DataError, "no images"),
        (np.zeros(2, int), np.array([[0.5, np.nan], [0, 1]]), DataError, "not finite"),
        (np.array([0, 5]), np.zeros((2, 2)), DataError, "from 0 to 1"),
        (np.array([-1, 0]), np.zeros((2, 2)), DataError, "from 0 to 1"),
    ],
)
def test_unfit_arrays(labels, predictions, error, message):
    with pytest.raises(error, match=message):
        classification_summary(labels, predictions)


def test_names_must_fit_the_scores():
    with pytest.raises(ShapeError, match="3 classes are named, the predictions have 2"):
        classification_summary(np.zeros(2, int), np.ones((2, 2)), "abc")
