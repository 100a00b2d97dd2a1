"""Translation by recurrent networks: the decoders' equations in NumPy, decoding step by step, scheduled sampling."""

import functools

import jax
import keras
import numpy as np
import pytest

from kerasarch import backends, models
from kerasarch.errors import UsageError
from kerasarch.models import SamplingSchedule
from kerasarch.models.seq2seq_rnn import drawn_token
from tests import conformance

pytestmark = conformance.QUIET
RNG = np.random.default_rng(0)
SIZES = {"source_vocabulary": 9, "target_vocabulary": 8, "embedding": 4, "width": 6}
SOURCE = RNG.integers(3, 9, (2, 5)).astype("int32")
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "int32")
TARGET = np.concatenate([np.ones((2, 1)), RNG.integers(3, 8, (2, 3))], axis=1).astype("int32")
INPUTS = {"source_ids": SOURCE, "source_mask": MASK, "target_ids": TARGET}
KINDS = {
    "bahdanau": {},
    "bahdanau of two layers": {"depth": 2, "kind": "lstm"},
    "luong": {"attention": "general", "depth": 2},
    "luong fed": {"attention": "dot", "input_feeding": True, "kind": "lstm"},
    "luong one way": {"attention": "concat", "bidirectional": False},
}
COMPILED_SOON = pytest.mark.quick_on("tensorflow", "torch")


numbers = keras.ops.convert_to_numpy


def translator(**fields):
    model = models.seq2seq_rnn(**{**SIZES, **fields})
    model.set_weights([_random(weight) for weight in model.get_weights()])
    return model


def _random(weight):
    return RNG.normal(size=weight.shape) * 0.5 if weight.dtype.kind == "f" else weight


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def moved(kind, weights, x, states):
    """One step of a layer."""
    kernel, recurrent, bias = weights
    if kind == "lstm":
        i, f, g, o = np.split(x @ kernel + states[0] @ recurrent + bias, 4, axis=-1)
        c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
        return [sigmoid(o) * np.tanh(c), c]
    (xz, xr, xn), (hz, hr, hn) = (
        np.split(part, 3, axis=-1) for part in (x @ kernel + bias[0], states[0] @ recurrent + bias[1])
    )
    z = sigmoid(xz + hz)
    return [z * states[0] + (1 - z) * np.tanh(xn + sigmoid(xr + hr) * hn)]


def attended(layer, query, context, mask):
    weights = [numbers(weight) for weight in layer.weights]
    match getattr(layer, "score", "bahdanau"):
        case "bahdanau":
            vector, first, second = weights
            scores = np.tanh((query @ first)[:, None] + context @ second) @ vector[:, 0]
        case "dot":
            scores = np.einsum("bd,bsd->bs", query, context)
        case "general":
            scores = np.einsum("bd,bsd->bs", query, context @ weights[0])
        case "concat":
            pairs = np.concatenate([np.broadcast_to(query[:, None], context.shape), context], axis=-1)
            scores = np.tanh(pairs @ weights[0]) @ weights[1][:, 0]
    scores = np.where(mask, np.exp(scores - scores.max(1, keepdims=True)), 0)
    shares = scores / scores.sum(1, keepdims=True)
    return np.einsum("bs,bse->be", shares, context), shares


def defined(model, cache):
    """Logits and weights of the decoder, a token after the other."""
    decoder, config = model.decoder, model.config
    context, mask = numbers(cache["memory"]["context"]), numbers(cache["memory"]["mask"]) > 0
    states = keras.tree.map_structure(numbers, cache["state"]["states"])
    layers = [[numbers(weight) for weight in layer.weights] for layer in decoder.stack.recurrent_layers]
    vector, logits, weights = np.zeros((2, config.width)), [], []
    for tokens in TARGET.T:
        x = token = numbers(model.target_embedding.embeddings)[tokens]
        if config.attention == "bahdanau":
            mixed, shares = attended(decoder.attention, states[-1][0], context, mask)
            x = np.concatenate([x, mixed], axis=1)
        elif config.input_feeding:
            x = np.concatenate([x, vector], axis=1)
        for index, layer in enumerate(layers):
            states[index] = moved(config.kind, layer, x, states[index])
            x = states[index][0]
        if config.attention == "bahdanau":
            pieces = np.concatenate([x, token, mixed], axis=1) @ numbers(decoder.maxout.dense.kernel)
            vector = (pieces + numbers(decoder.maxout.dense.bias)).reshape(2, -1, 2).max(2)
        else:
            mixed, shares = attended(decoder.attention, x, context, mask)
            vector = np.tanh(np.concatenate([mixed, x], axis=1) @ numbers(decoder.combine.kernel))
        logits.append(vector @ numbers(model.head.kernel) + numbers(model.head.bias))
        weights.append(shares)
    return np.stack(logits, axis=1), np.stack(weights, axis=1)


@functools.lru_cache(maxsize=8)
def known(kind):
    """A model, its logits and weights, and the cache that decoding begins with, in one compiled program."""
    model = translator(**KINDS[kind])

    def everything(inputs):
        return model(inputs)["logits"], model.attention_weights(inputs), model.read_source(SOURCE, MASK)

    return model, *quick(everything, model)(INPUTS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_decoder_is_its_equations(kind):
    model, *found, cache = known(kind)
    for ours, theirs in zip(found, defined(model, cache), strict=True):
        np.testing.assert_allclose(numbers(ours), theirs, atol=1e-5)


def quick(function, model):
    """A function in the way that is quick for few calls: JAX compiles every operation of an eager call by itself."""
    return backends.compiled(function, model) if keras.backend.backend() == "jax" else function


def outputs_of(model, inputs):
    return numbers(quick(model, model)(inputs)["logits"])


def in_training(model, inputs):
    """Logits, and the variables that the call assigns: compiled on JAX, where single operations take long."""
    call = functools.partial(model.stateless_call, training=True)
    if keras.backend.backend() == "jax":
        call = jax.jit(call)
    states = [variable.value for variable in model.non_trainable_variables]
    outputs, states = call([variable.value for variable in model.trainable_variables], states, inputs)
    return numbers(outputs["logits"]), states


@pytest.mark.parametrize("kind", ["bahdanau of two layers", "luong", "luong fed"])
def test_token_after_token_gives_what_one_call_gives(kind):
    model, expected, _, cache = known(kind)
    expected, advance = numbers(expected), quick(model.advance, model)
    later = cache
    for place in range(3):
        logits, later = advance(TARGET[:, place : place + 1], later)
        np.testing.assert_allclose(numbers(logits), expected[:, place], atol=1e-5)
    logits, later = advance(TARGET[:, :2], cache)
    np.testing.assert_allclose(numbers(logits), expected[:, 1], atol=1e-5)
    logits, _ = advance(TARGET[:, 2:], later)
    np.testing.assert_allclose(numbers(logits), expected[:, 3], atol=1e-5)


@pytest.mark.parametrize("kind", ["bahdanau of two layers", "luong fed"])
def test_padding_of_the_source_does_not_matter(kind):
    model, padded, _, _ = known(kind)
    padded = numbers(padded)
    alone = outputs_of(model, {"source_ids": SOURCE[1:, :3], "target_ids": TARGET[1:]})
    np.testing.assert_allclose(padded[1:], alone, atol=1e-6)
    first = [part[:1] for part in (SOURCE, MASK, TARGET)]
    np.testing.assert_allclose(padded[:1], outputs_of(model, first), atol=1e-6)


def test_shares_of_the_schedules():
    for schedule, expected in (
        (SamplingSchedule("linear", 0.1, offset=0.9, floor=0.25), [0.9, 0.6, 0.25]),
        (SamplingSchedule("exponential", 0.5), [1, 0.125, 2**-20]),
        (SamplingSchedule("inverse_sigmoid", 5.0), [5 / 6, 5 / (5 + np.exp(0.6)), 5 / (5 + np.exp(4))]),
    ):
        found = [float(numbers(schedule.share(step))) for step in (0, 3, 20)]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    for wrong in (("linear", 0.0), ("exponential", 1.0), ("inverse_sigmoid", 0.5), ("cosine", 0.5)):
        with pytest.raises(UsageError, match="A SamplingSchedule is"):
            SamplingSchedule(*wrong)


@pytest.mark.parametrize("kind", ["luong fed", pytest.param("bahdanau", marks=COMPILED_SOON)])
def test_scheduled_sampling_reads_what_it_is_told_to(kind):
    always = translator(**KINDS[kind], sampling=SamplingSchedule("linear", 0.5, floor=1.0))
    found, states = in_training(always, INPUTS)
    np.testing.assert_allclose(found, outputs_of(always, INPUTS), atol=1e-5)
    batches = {variable.path: state for variable, state in zip(always.non_trainable_variables, states, strict=True)}
    assert int(numbers(batches[always.batches.path])) == 1
    never = translator(**KINDS[kind], sampling=SamplingSchedule("linear", 0.5, offset=0.0))
    others = {**INPUTS, "target_ids": np.where(np.arange(4) == 0, TARGET, 3)}
    found = in_training(never, others)[0]  # the same draws as in the next line: nothing has been assigned
    np.testing.assert_array_equal(found, in_training(never, INPUTS)[0])
    assert np.abs(found - outputs_of(never, others))[:, 1:].max() > 1e-3


@COMPILED_SOON
def test_right_tokens_in_the_sampling_loop_give_the_gradients_of_teacher_forcing():
    plain, sampled = (
        models.seq2seq_rnn(**SIZES, sampling=how) for how in (None, SamplingSchedule("linear", 0.5, floor=1.0))
    )
    for ours, theirs in zip(sampled.trainable_variables, plain.trainable_variables, strict=True):
        ours.assign(numbers(theirs))
    before = [numbers(variable).copy() for variable in plain.trainable_variables]
    for model in (plain, sampled):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(1.0), {"logits": loss})
        model.train_on_batch(INPUTS, {"logits": TARGET})
    for ours, theirs, old in zip(sampled.trainable_variables, plain.trainable_variables, before, strict=True):
        assert np.abs(numbers(theirs) - old).max() > 0, theirs.path
        np.testing.assert_allclose(numbers(ours), numbers(theirs), atol=1e-6, err_msg=theirs.path)


def test_own_tokens_are_drawn_as_often_as_they_should():
    logits = np.log(np.tile([[0.1, 0.6, 0.3]], (1000, 1))).astype("float32")
    uniform = ((np.arange(1000) + 0.5) / 1000).astype("float32")
    drawn = numbers(drawn_token(keras.ops.convert_to_tensor(logits), keras.ops.convert_to_tensor(uniform)))
    np.testing.assert_allclose(np.bincount(drawn.astype(int)), [100, 600, 300], atol=1)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, marks=COMPILED_SOON, id="bahdanau"),
        pytest.param(
            {"attention": "dot", "sampling": SamplingSchedule("linear", 0.01, floor=0.7)}, id="luong, sampled"
        ),
    ],
)
def test_training_lowers_the_loss(fields, tmp_path):
    keras.utils.set_random_seed(0)
    model = models.seq2seq_rnn(**{**SIZES, "width": 16}, dropout=0.1, **fields)
    source = RNG.integers(3, 8, (16, 4)).astype("int32")
    target = np.concatenate([np.ones((16, 1), "int32"), source[:, :-1]], axis=1)
    inputs = {"source_ids": source, "source_mask": np.ones_like(source), "target_ids": target}
    model.compile(keras.optimizers.Adam(0.02), {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)})
    losses = model.fit(inputs, {"logits": source}, batch_size=16, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(outputs_of(again, inputs), outputs_of(model, inputs), atol=1e-6)
    assert again.config == model.config
    if model.config.sampling:
        assert int(numbers(again.batches)) == 40


def test_what_cannot_be_built_or_read_is_refused():
    for fields, words in (
        ({"attention": "cosine"}, "attention one of bahdanau"),
        ({"input_feeding": True}, "for Luong's scores"),
        ({"depth": 0}, "sizes 1 or more"),
    ):
        with pytest.raises(UsageError, match=words):
            models.seq2seq_rnn(**{**SIZES, **fields})
    with pytest.raises(UsageError, match="takes source_ids, source_mask, target_ids"):
        translator()({"input_ids": SOURCE})
    with pytest.raises(UsageError, match="no target_ids"):
        translator()([SOURCE, MASK])
