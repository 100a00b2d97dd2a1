"""What stays and what moves in each stage, alike on the three backends."""

import keras
import numpy as np
import pytest

from kerasarch import training
from kerasarch.errors import UsageError


def unfreeze(model, images, **options):
    options = {"epochs": 1, "learning_rate": 0.05, "decay": 1, "cosine": None, "verbose": 0, **options}
    unfreezing = training.GradualUnfreezing(model, **options)
    train = training.ArrayBatches(*images, batch=8)
    return unfreezing, train


def moved(before, after):
    return {path.split("/")[0] for path in before if not np.array_equal(before[path], after[path])}


@pytest.mark.parametrize("cache", [False, True])
def test_only_open_groups_move(network, images, snapshot, cache):
    """Weights, BatchNorm statistics and seeds below the open groups stay bitwise; everything in them moves."""
    model = network()
    unfreezing, train = unfreeze(model, images, cache=cache)
    seen = [snapshot(model)]
    opened = []

    def fit(name, part, data, *, epochs, validation_data, callbacks):
        opened.append(name)
        history = part.fit(data, epochs=epochs, callbacks=list(callbacks), verbose=0, shuffle=False).history
        seen.append(snapshot(model))
        return history

    unfreezing.fit(train, fit=fit)
    assert opened == ["head", "stage2", "stage1", "stem"]
    seeds = {path for path in seen[0] if "seed" in path}
    expected = [
        {"head"},
        {"head", "stage2_block1", "stage2_block2"},
        {"head", "stage2_block1", "stage2_block2", "stage1_block1"},
        {"head", "stage2_block1", "stage2_block2", "stage1_block1", "stem_conv", "stem_norm"},
    ]
    for before, after, names in zip(seen, seen[1:], expected, strict=False):
        weights = {path: value for path, value in before.items() if path not in seeds}
        assert moved(weights, after) == names


@pytest.mark.parametrize("cache", [False, True])
def test_all_inner_variables_of_an_open_group_move(network, images, snapshot, cache):
    model = network()
    before = snapshot(model)
    unfreezing, train = unfreeze(model, images, strategy="selective", patterns=["stage2"], cache=cache)
    unfreezing.fit(train)
    after = snapshot(model)
    for path in (path for path in before if "seed" not in path):
        changed = not np.array_equal(before[path], after[path])
        assert changed == (path.startswith(("stage2", "head"))), path


def test_no_gradient_and_no_optimizer_state_for_frozen_layers(network, images):
    """Only open variables reach the optimizer, which on every backend decides what is differentiated."""
    model = network()
    unfreezing, train = unfreeze(model, images, cache=False)
    paths = []

    def fit(name, part, data, **_):
        assert {variable.path for variable in part.trainable_variables} == {
            path for members in part.optimizer.group_paths.values() for path in members
        }
        paths.append({path.split("/")[0] for members in part.optimizer.group_paths.values() for path in members})
        for variable in model.variables:
            native = variable.value
            if hasattr(native, "requires_grad"):  # PyTorch says so of each tensor
                assert native.requires_grad == any(variable is v for v in part.trainable_variables)
        return {}

    unfreezing.fit(train, fit=fit)
    assert [len(names) for names in paths] == [1, 3, 4, 6]


def test_state_survives_the_opening_of_a_group(network, images):
    """The head's moments and count after stage 1 are what stage 2 begins with; the new group's are zero."""
    unfreezing, train = unfreeze(network(), images, max_stages=3)
    ends, starts = [], []

    def values(optimizer):
        return {v.path: keras.ops.convert_to_numpy(v.value).copy() for v in optimizer.variables}

    def fit(name, part, data, *, epochs, validation_data, callbacks):
        starts.append(values(part.optimizer))
        part.fit(data, epochs=epochs, callbacks=list(callbacks), verbose=0)
        ends.append(values(part.optimizer))
        return {}

    unfreezing.fit(train, fit=fit)
    for end, start in zip(ends, starts[1:], strict=False):
        assert set(end) < set(start)
        for path, value in start.items():
            np.testing.assert_array_equal(value, end.get(path, np.zeros_like(value)), err_msg=path)
    assert ends[-1]["adam_head/iteration"] == 3 * 3
    assert ends[-1]["adam_stem/iteration"] == 3
    assert ends[-1]["group_optimizer/iteration"] == 3 * 3


def test_frozen_dropout_is_off_and_comes_back(network, images):
    model = network(dropout=0.3)
    blocks = [layer for layer in model.layers if layer.name.endswith(("block1", "block2"))]
    unfreezing, train = unfreeze(model, images, strategy="gradual")
    rates = []

    def fit(name, part, data, **_):
        rates.append([block.dropout.rate for block in blocks])
        assert next(layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)).rate == 0.3
        return {}

    unfreezing.fit(train, fit=fit)
    assert rates == [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    assert [block.dropout.rate for block in blocks] == [0.5, 0.5, 0.5]


def test_subclassed_model(subclassed, images, snapshot):
    before = snapshot(subclassed)
    unfreezing, train = unfreeze(subclassed, images, strategy="extract")
    history = unfreezing.fit(train, train)
    after = snapshot(subclassed)
    assert all(("head" in path) != np.array_equal(value, after[path]) for path, value in before.items())
    assert history["head"]["val_loss"][0] > 0
    unfreezing, train = unfreeze(subclassed, images)
    assert list(unfreezing.fit(train)) == ["head", "stage1", "stem"]
    frozen = [path for path, value in snapshot(subclassed).items() if np.array_equal(value, before[path])]
    assert all("seed" in path for path in frozen)


def test_flags_come_back_on_request(network, images):
    model = network()
    model.get_layer("stage1_block1").norm.trainable = False
    model.get_layer("stem_conv").trainable = False
    flags = [(layer.name, layer.trainable) for layer in model._flatten_layers()]
    unfreezing, train = unfreeze(model, images, strategy="extract", restore_trainable=True)
    unfreezing.fit(train)
    assert [(layer.name, layer.trainable) for layer in model._flatten_layers()] == flags


def test_keep_frozen_and_batch_norm(network, images, snapshot):
    model = network()
    before = snapshot(model)
    unfreezing, train = unfreeze(model, images, strategy="full", batch_norm="frozen", keep_frozen=["stage1_*"])
    unfreezing.fit(train)
    after = snapshot(model)
    still = {path for path in before if np.array_equal(before[path], after[path])}
    assert {path for path in before if "norm" in path or path.startswith("stage1")} - still <= {
        path for path in before if "seed" in path
    }
    assert "stem_conv/kernel" not in still


def test_model_ends_compiled_and_goes_on(network, images):
    """evaluate, predict and a further fit work on the whole model, which the last optimizer goes on training."""
    model = network()
    unfreezing, train = unfreeze(model, images, max_stages=2)
    unfreezing.fit(images, images)
    assert set(model.evaluate(train, verbose=0, return_dict=True)) == {"loss", "accuracy"}
    assert model.predict(images[0], verbose=0).shape == (24, 3)
    count = int(model.optimizer.iterations)
    model.fit(train, verbose=0)
    assert int(model.optimizer.iterations) == count + 3
    assert model.get_layer("pool").output.shape == (None, 4)  # no nodes of ours are left behind


def test_learns(network, images):
    """With a rate worth the name the small task is learned; validation goes with it."""
    unfreezing, train = unfreeze(network(), images, epochs=8, warmup_epochs=1, cosine="training", max_stages=2)
    history = unfreezing.fit(train, images)
    assert [stage.name for stage in unfreezing.stages] == ["head", "stem-stage2"]
    assert history["stem-stage2"]["loss"][-1] < 0.6 * history["head"]["loss"][0]


def test_label_smoothing_and_loss_exclude_each_other(network):
    with pytest.raises(UsageError, match="label smoothing with the default loss"):
        training.GradualUnfreezing(network(), loss="mse", label_smoothing=0.1)
    with pytest.raises(UsageError, match=r"class_weights=\[1, 2, 3\]"):
        training.GradualUnfreezing(network(), loss="mse", class_weights=[1, 2, 3])


def test_data_of_no_use(network):
    with pytest.raises(UsageError, match="Received data of str"):
        training.GradualUnfreezing(network()).fit("digits")
