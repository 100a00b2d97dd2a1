"""A rate and an optimizer for each group: the weights are those of the update rules worked out in NumPy."""

import keras
import numpy as np
import pytest

from kerasarch import models, training
from kerasarch.errors import UsageError


class Reference:
    """Two linear layers under a mean squared error, trained by hand in float64."""

    def __init__(self, body, head, rule):
        self.weights = {"body": body.astype("float64"), "head": head.astype("float64")}
        self.rule, self.state, self.steps = rule, {}, {"body": 0, "head": 0}

    def step(self, x, y, rates, clip=None):
        hidden = x @ self.weights["body"]
        error = 2 * (hidden @ self.weights["head"] - y) / y.size
        gradients = {"head": hidden.T @ error, "body": x.T @ (error @ self.weights["head"].T)}
        gradients = {name: gradients[name] for name in rates}
        if clip:
            norm = np.sqrt(sum(np.sum(g**2) for g in gradients.values()))
            gradients = {name: g * min(1.0, clip / norm) for name, g in gradients.items()}
        for name, rate in rates.items():
            self.rule(self, name, gradients[name], rate(self.steps[name]))
            self.steps[name] += 1


def momentum(reference, name, gradient, rate):
    velocity = 0.9 * reference.state.get(name, 0.0) - rate * gradient
    reference.state[name] = velocity
    reference.weights[name] = reference.weights[name] + velocity


def adam(reference, name, gradient, rate):
    first, second = reference.state.get(name, (0.0, 0.0))
    first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
    reference.state[name] = first, second
    t = reference.steps[name] + 1
    scale = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    reference.weights[name] = reference.weights[name] - scale * first / (np.sqrt(second) + 1e-7)


def adamw(reference, name, gradient, rate):
    reference.weights[name] = reference.weights[name] * (1 - rate * 0.1)
    adam(reference, name, gradient, rate)


def linear_model():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,))
    body = keras.layers.Dense(3, use_bias=False, name="body")
    head = keras.layers.Dense(2, use_bias=False, name="head")
    return keras.Model(inputs, head(body(inputs))), body, head


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    return rng.normal(size=(12, 4)).astype("float32"), rng.normal(size=(12, 2)).astype("float32")


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize(
    ("optimizer", "rule", "options"),
    [
        (lambda: keras.optimizers.SGD(momentum=0.9), momentum, {}),
        (lambda: "adam", adam, {}),
        (lambda: "adam", adamw, {"weight_decay": 0.1}),
        (lambda: keras.optimizers.SGD(momentum=0.9, global_clipnorm=0.3), momentum, {}),
    ],
    ids=["momentum", "adam", "weight-decay", "global-clipnorm"],
)
def test_update_is_exact(data, cache, optimizer, rule, options):
    """Head alone for 2 epochs of 3 steps, then both for 2: own rates, warm-up 3 steps, cosine to each group's end."""
    model, body, head = linear_model()
    clip = 0.3 if not isinstance(optimizer(), str) and optimizer().global_clipnorm else None
    reference = Reference(body.get_weights()[0], head.get_weights()[0], rule)
    train = training.ArrayBatches(*data, batch=4, seed=5)

    def rate(peak, total):
        def at(step):
            if step < 3:
                return peak * (step + 1) / 3
            return peak * (0.1 + 0.9 * 0.5 * (1 + np.cos(np.pi * (step - 3) / (total - 3))))

        return at

    rates = {"head": rate(0.05, 12), "body": rate(0.05 / 4, 6)}
    for epoch in range(4):
        for index in range(3):
            opened = {name: rates[name] for name in (["head"] if epoch < 2 else ["body", "head"])}
            reference.step(*train.batch(epoch, index), opened, clip)

    unfreezing = training.GradualUnfreezing(
        model,
        optimizer=optimizer(),
        epochs=2,
        learning_rate=0.05,
        decay=4.0,
        warmup_epochs=1,
        final=0.1,
        loss="mse",
        metrics=[],
        cache=cache,
        verbose=0,
        **options,
    )
    history = unfreezing.fit(train)
    np.testing.assert_allclose(body.get_weights()[0], reference.weights["body"], rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(head.get_weights()[0], reference.weights["head"], rtol=2e-5, atol=2e-6)
    assert history["body"]["lr/head"] == pytest.approx([rates["head"](8), rates["head"](11)], rel=1e-5)
    assert history["body"]["lr/body"] == pytest.approx([rates["body"](2), rates["body"](5)], rel=1e-5)
    assert history["head"]["lr/body"] == [0, 0]


def test_rates_start_anew_with_each_stage(data):
    model, _, _ = linear_model()
    unfreezing = training.GradualUnfreezing(
        model, epochs=2, learning_rate=0.1, decay=1, cosine="stage", loss="mse", metrics=[], verbose=0
    )
    history = unfreezing.fit(training.ArrayBatches(*data, batch=4))
    half = 0.1 * 0.5 * (1 + np.cos(np.pi * 2 / 6)), 0.1 * 0.5 * (1 + np.cos(np.pi * 5 / 6))
    for stage in ("head", "body"):
        assert history[stage]["lr/head"] == pytest.approx(half, rel=1e-5)


def test_gradient_accumulation(data):
    """Two steps make one update with the mean gradient; the count goes on when the body opens."""
    model, body, head = linear_model()
    reference = Reference(body.get_weights()[0], head.get_weights()[0], momentum)
    x, y = data
    for opened in (["head"], ["body", "head"]):  # 4 batches of 3 make 2 updates on 6 examples
        for half in range(2):
            rows = slice(6 * half, 6 * half + 6)
            reference.step(x[rows], y[rows], {name: lambda step: 0.1 for name in opened})
    training.GradualUnfreezing(
        model,
        optimizer=keras.optimizers.SGD(momentum=0.9, gradient_accumulation_steps=2),
        learning_rate=0.1,
        decay=1,
        cosine=None,
        loss="mse",
        metrics=[],
        verbose=0,
    ).fit(training.ArrayBatches(x, y, batch=3, shuffle=False))
    np.testing.assert_allclose(head.get_weights()[0], reference.weights["head"], rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(body.get_weights()[0], reference.weights["body"], rtol=2e-5, atol=2e-6)


def test_moving_average_of_weights(data):
    model, body, head = linear_model()
    frozen = body.get_weights()[0]
    training.GradualUnfreezing(
        model,
        strategy="extract",
        optimizer=keras.optimizers.SGD(use_ema=True, ema_momentum=0.5),
        learning_rate=0.1,
        cosine=None,
        loss="mse",
        metrics=[],
        verbose=0,
    ).fit(training.ArrayBatches(*data, batch=4, shuffle=False))
    _, _, reference_head = linear_model()
    weights, average = reference_head.get_weights()[0].astype("float64"), None
    for index in range(3):
        x, y = training.ArrayBatches(*data, batch=4, shuffle=False).batch(0, index)
        hidden = x @ frozen
        weights = weights - 0.1 * hidden.T @ (2 * (hidden @ weights - y) / y.size)
        average = weights if average is None else 0.5 * average + 0.5 * weights
    np.testing.assert_allclose(head.get_weights()[0], average, rtol=2e-5, atol=2e-6)


def test_moving_averages_go_on_in_the_next_stage(data):
    """Each group's average starts with its first step; a stage ends with the averages, and the next begins there."""
    model, body, head = linear_model()
    training.GradualUnfreezing(
        model,
        optimizer=keras.optimizers.SGD(use_ema=True, ema_momentum=0.5),
        learning_rate=0.1,
        decay=1,
        cosine=None,
        loss="mse",
        metrics=[],
        verbose=0,
    ).fit(training.ArrayBatches(*data, batch=4, shuffle=False))
    _, first, second = linear_model()
    weights = {"body": first.get_weights()[0].astype("float64"), "head": second.get_weights()[0].astype("float64")}
    averages: dict = {}
    for opened in (["head"], ["body", "head"]):
        for index in range(3):
            x, y = training.ArrayBatches(*data, batch=4, shuffle=False).batch(0, index)
            hidden = x @ weights["body"]
            error = 2 * (hidden @ weights["head"] - y) / y.size
            steps = {"head": hidden.T @ error, "body": x.T @ (error @ weights["head"].T)}
            for name in opened:
                weights[name] = weights[name] - 0.1 * steps[name]
                averages[name] = 0.5 * averages.get(name, weights[name]) + 0.5 * weights[name]
        weights |= averages
    np.testing.assert_allclose(head.get_weights()[0], weights["head"], rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(body.get_weights()[0], weights["body"], rtol=2e-5, atol=2e-6)


@pytest.mark.quick_on("torch")  # the order of variables is the same on every backend
def test_averages_go_to_their_own_variables():
    """An average that forgets at once is the weight itself, in whatever order layers inside layers have theirs."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 8, 8, 3)).astype("float32"), np.arange(8) % 3
    found = []
    for options in ({}, {"use_ema": True, "ema_momentum": 0.0}):
        keras.utils.set_random_seed(1)
        model = models.vit(patch=4, width=8, depth=1, heads=2, input_shape=(8, 8, 3), classes=3)
        training.GradualUnfreezing(
            model, strategy="full", optimizer=keras.optimizers.SGD(**options), learning_rate=0.1, verbose=0
        ).fit(training.ArrayBatches(x, y, batch=8))
        found.append(model.get_weights())
    optimizer = model.optimizer
    members = [variable for part in optimizer.optimizers for variable in part._trainable_variables]
    assert [id(variable) for variable in members] != [id(variable) for variable in model.trainable_variables]
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_saved_model_keeps_optimizer_state(data, tmp_path):
    model, _, _ = linear_model()
    training.GradualUnfreezing(model, loss="mse", metrics=[], verbose=0).fit(training.ArrayBatches(*data, batch=4))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [v.path for v in loaded.optimizer.variables] == [v.path for v in model.optimizer.variables]
    for ours, theirs in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(ours.value), keras.ops.convert_to_numpy(theirs.value))
    assert len(model.optimizer.variables) == 2 + 2 * (1 + 2)  # the counts; per group a count and two moments


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(data, policy):
    """Weights move in both stages; the loss scale of mixed_float16 is carried from one to the next."""
    keras.config.set_dtype_policy(policy)
    try:
        model, body, head = linear_model()
    finally:
        keras.config.set_dtype_policy("float32")
    before = [body.get_weights()[0], head.get_weights()[0]]
    scales = []

    def fit(name, part, data, *, epochs, validation_data, callbacks):
        if policy == "mixed_float16":
            scales.append(float(keras.ops.convert_to_numpy(part.optimizer.dynamic_scale.value)))
        history = part.fit(data, epochs=epochs, callbacks=list(callbacks), verbose=0).history
        if policy == "mixed_float16":
            part.optimizer.dynamic_scale.assign(2.0**9)
        return history

    history = training.GradualUnfreezing(model, decay=1, loss="mse", metrics=[], verbose=0).fit(
        training.ArrayBatches(*data, batch=4), fit=fit
    )
    assert history["body"]["lr/head"][0] < history["head"]["lr/head"][0]
    assert scales == ([2.0**15, 2.0**9] if policy == "mixed_float16" else [])
    for layer, old in zip((body, head), before, strict=True):
        assert layer.kernel.dtype == "float32"
        assert not np.allclose(layer.get_weights()[0], old)


def test_bad_arguments():
    sgd = keras.optimizers.SGD
    with pytest.raises(UsageError, match="in groups 'a' and 'b'"):
        training.GroupOptimizer({"a": sgd(), "b": sgd()}, {"a": ["x/kernel"], "b": ["x/kernel"]})
    optimizer = training.GroupOptimizer({"a": sgd()}, {"a": ["other/kernel"]})
    with pytest.raises(UsageError, match="in no group"):
        optimizer.build(linear_model()[0].trainable_variables)
    with pytest.raises(UsageError, match="Expected one for each group: body, head"):
        training.GradualUnfreezing(linear_model()[0], learning_rate={"head": 0.1})
    with pytest.raises(UsageError, match="Expected at least 1"):
        training.GradualUnfreezing(linear_model()[0], decay=0.5)
    with pytest.raises(UsageError, match="gradient_accumulation_steps"):
        training.GradualUnfreezing(linear_model()[0], optimizer=sgd(gradient_accumulation_steps=2), global_clipnorm=1.0)
