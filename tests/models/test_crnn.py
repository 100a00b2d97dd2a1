"""The loss of sequences without alignment against PyTorch's and all paths; recordings that are padded; training."""

import itertools

import keras
import numpy as np
import pytest
import torch

from kerasarch import backends, models, training
from kerasarch.errors import ShapeError, UsageError
from kerasarch.generation import ctc_greedy
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
RNG = np.random.default_rng(0)
SIZES = {"features": 6, "classes": 4, "units": 12, "widths": (3, 4), "kernels": ((3, 3), (5, 5))}
LOGITS = RNG.normal(size=(4, 6, 4)).astype("float32")
TARGETS = np.array([[1, 2, 2], [3, 1, 0], [2, 2, 2], [0, 0, 0]], "int32")
COUNTS, LENGTHS = np.array([3, 2, 3, 0], "int32"), np.array([6, 3, 5, 4], "int32")


def torch_losses():
    shares = torch.log_softmax(torch.tensor(LOGITS), dim=-1).transpose(0, 1)
    counts, lengths = torch.tensor(COUNTS), torch.tensor(LENGTHS)
    return torch.nn.functional.ctc_loss(shares, torch.tensor(TARGETS), lengths, counts, reduction="none").numpy()


def quick(function):
    """A function in the way that is quick for few calls: JAX compiles every operation of an eager call by itself."""
    return backends.compiled(function, keras.layers.Identity()) if keras.backend.backend() == "jax" else function


def test_the_loss_is_that_of_pytorch_and_of_all_paths():
    found = to_numpy(quick(models.ctc_loss)(TARGETS, COUNTS, LOGITS, LENGTHS))
    np.testing.assert_allclose(found, torch_losses(), rtol=1e-5)
    shares = np.exp(LOGITS[1, :3]) / np.exp(LOGITS[1, :3]).sum(-1, keepdims=True)
    total = sum(
        np.prod([shares[frame, label] for frame, label in enumerate(path)])
        for path in itertools.product(range(4), repeat=3)
        if [label for label, _ in itertools.groupby(path) if label] == [3, 1]
    )
    np.testing.assert_allclose(found[1], -np.log(total), rtol=1e-5)


def test_labels_that_do_not_fit_count_nothing_and_leave_gradients_whole():
    """Three times the same label needs five frames."""
    lengths = np.array([6, 3, 4, 4], "int32")

    def total(logits):
        losses = models.ctc_loss(TARGETS, COUNTS, logits, lengths)
        return keras.ops.sum(losses), losses

    slope, found = quick(training.grad(total, has_aux=True))(keras.ops.convert_to_tensor(LOGITS))
    assert np.isfinite(to_numpy(slope)).all()
    assert (np.abs(to_numpy(slope)).max((1, 2)) > 1e-3).tolist() == [True, True, False, True]
    np.testing.assert_allclose(to_numpy(found), np.where([1, 1, 0, 1], torch_losses(), 0), rtol=1e-5)


def test_gradients_are_those_of_pytorch():
    leaf = torch.tensor(LOGITS, requires_grad=True)
    shares = torch.log_softmax(leaf, dim=-1).transpose(0, 1)
    counts, lengths = torch.tensor(COUNTS), torch.tensor(LENGTHS)
    losses = torch.nn.functional.ctc_loss(shares, torch.tensor(TARGETS), lengths, counts, reduction="none")
    (expected,) = torch.autograd.grad(losses.sum(), leaf)

    def total(logits):
        return keras.ops.sum(models.ctc_loss(TARGETS, COUNTS, logits, LENGTHS))

    slope = to_numpy(quick(training.grad(total))(keras.ops.convert_to_tensor(LOGITS)))
    np.testing.assert_allclose(slope, expected.numpy(), atol=1e-5)
    assert (slope[1, 3:] == 0).all()  # beyond the end of a recording


def test_examples_may_have_weights():
    model = models.crnn(**SIZES)
    outputs = {"logits": LOGITS, "lengths": LENGTHS}
    weights = np.array([1.0, 0.5, 0.0, 2.0], "float32")
    found = quick(lambda y_pred: model.compute_loss(y=TARGETS, y_pred=y_pred, sample_weight=weights))(outputs)
    np.testing.assert_allclose(to_numpy(found), (weights * torch_losses()).mean(), rtol=1e-5)


@pytest.mark.parametrize(
    "fields",
    [
        {"strides": ((3, 1), (2, 3))},
        pytest.param({"kind": "lstm", "bidirectional": False}, marks=pytest.mark.quick_on("tensorflow", "torch")),
    ],
)
def test_padding_does_not_matter(fields):
    model = models.crnn(**SIZES, **fields)
    conformance.randomise(model)
    run = backends.compiled(model, model) if keras.backend.backend() == "jax" else model
    frames, lengths = RNG.normal(size=(2, 9, 6)).astype("float32"), [9, 4]
    mask = (np.arange(9) < np.array(lengths)[:, None]).astype("int32")
    found = run({"frames": frames, "frame_mask": mask})
    step = model.config.step
    assert to_numpy(found["lengths"]).tolist() == [-(-length // step) for length in lengths]
    alone = run({"frames": frames[1:, :4]})
    count = -(-4 // step)
    assert alone["logits"].shape == (1, count, 4)
    np.testing.assert_allclose(to_numpy(found["logits"])[1, :count], to_numpy(alone["logits"])[0], atol=1e-5)
    np.testing.assert_allclose(to_numpy(found["logits"])[:1], to_numpy(run(frames[:1])["logits"]), atol=1e-5)


def test_training_spells_what_is_in_the_frames():
    """Each label is a band that sounds for four frames; two are told apart by silence."""
    keras.utils.set_random_seed(0)
    labels = RNG.integers(1, 4, (32, 3)).astype("int32")
    labels[::4, 2] = 0  # some are shorter
    frames = 0.1 * RNG.normal(size=(32, 20, 6)).astype("float32")
    for row, spelling in enumerate(labels):
        for place, label in enumerate(spelling):
            if label:
                frames[row, 6 * place + 1 : 6 * place + 5, 2 * label - 2 : 2 * label] += 1
    mask = np.ones((32, 20), "int32")
    model = models.crnn(**SIZES, depth=1)
    model.compile(keras.optimizers.Adam(0.02))
    losses = model.fit([frames, mask], labels, batch_size=32, epochs=60, verbose=0).history["loss"]
    found = model.predict([frames, mask], verbose=0)
    assert losses[-1] < 0.1 * losses[0]
    spelled = ctc_greedy(found["logits"], found["lengths"])
    assert spelled == [[label for label in row if label] for row in labels.tolist()]


def test_what_cannot_be_built_or_read_is_refused():
    for fields, words in (
        ({"widths": (3,)}, "one entry a convolution"),
        ({"kernels": ((3, 3), (4, 3))}, "kernels must be odd"),
        ({"classes": 1}, "classes 2 or more"),
    ):
        with pytest.raises(UsageError, match=words):
            models.crnn(**{**SIZES, **fields})
    with pytest.raises(ShapeError, match=r"frames of 6 numbers. Received 5"):
        models.crnn(**SIZES)(np.zeros((2, 7, 5), "float32"))
