"""value_and_grad and grad: what they return, what they leave behind, and what they refuse."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.errors import ShapeError, TrainingError, UsageError
from kerasarch.training import grad, value_and_grad


@pytest.fixture
def variables():
    return [keras.Variable(np.array([1.0, 2.0], "float32")), keras.Variable(np.array(3.0, "float32"))]


def number(tensor):
    return float(ops.convert_to_numpy(tensor))


def numpy(values):
    return [ops.convert_to_numpy(value) for value in values]


def test_gradients_auxiliary_results_and_unused_variables(variables):
    v, unused = variables
    loss, gradients = value_and_grad(lambda x: ops.sum(v * v * x), variables)(ops.convert_to_tensor([1.0, 10.0]))
    assert number(loss) == 41.0
    np.testing.assert_allclose(numpy(gradients)[0], [2.0, 40.0])
    np.testing.assert_array_equal(numpy(gradients)[1], 0.0)
    (loss, aux), gradients = value_and_grad(lambda: (ops.sum(v) * unused, {"twice": 2 * v}), variables, has_aux=True)()
    np.testing.assert_allclose(ops.convert_to_numpy(aux["twice"]), [2.0, 4.0])
    np.testing.assert_allclose(numpy(gradients)[1], 3.0)


def test_variables_that_the_function_assigns_are_assigned():
    norm, seeds = keras.layers.BatchNormalization(momentum=0.5), keras.random.SeedGenerator(1)
    drop, mean = keras.layers.Dropout(0.5, seed=2), keras.metrics.Mean()
    norm.build((None, 2))
    drop.build((None, 2))
    mean.update_state(0.0)
    mean.reset_state()
    x = np.array([[0.0, 2.0], [2.0, 6.0]], "float32")
    before = ops.convert_to_numpy(drop.seed_generator.state.value).copy()

    def loss(x):
        first = keras.random.normal((2, 2), seed=seeds)
        second = keras.random.normal((2, 2), seed=seeds)
        mean.update_state(7.0)
        y = drop(norm(x, training=True), training=True)
        return ops.mean(ops.square(y)), ops.sum(ops.abs(first - second))

    (_, difference), _ = value_and_grad(loss, norm.trainable_variables, has_aux=True)(ops.convert_to_tensor(x))
    assert number(difference) > 0  # the generator went on within the function
    np.testing.assert_allclose(ops.convert_to_numpy(norm.moving_mean), [0.5, 2.0])
    assert number(mean.result()) == 7.0
    assert (ops.convert_to_numpy(drop.seed_generator.state.value) != before).any()


def test_a_spectral_norm_inside_a_penalty_moves_its_vector_and_has_gradients():
    layer = keras.layers.SpectralNormalization(keras.layers.Dense(2))
    layer.build((None, 3))
    before = ops.convert_to_numpy(layer.vector_u.value).copy()

    def loss(x):
        slope = grad(lambda x: ops.sum(ops.tanh(layer(x, training=True))))(x)
        return ops.sum(slope**2)

    _, gradients = value_and_grad(loss, layer.trainable_variables)(ops.ones((4, 3)))
    assert max(np.abs(gradient).max() for gradient in numpy(gradients)) > 1e-3
    assert (ops.convert_to_numpy(layer.vector_u.value) != before).any()


def test_derivatives_nest():
    cube = lambda x: x**3  # noqa: E731
    x = ops.convert_to_tensor(2.0)
    assert number(grad(cube)(x)) == pytest.approx(12.0)
    assert number(grad(grad(cube))(x)) == pytest.approx(12.0)
    assert number(grad(grad(grad(cube)))(x)) == pytest.approx(6.0)


def test_only_the_argument_counts():
    """A tensor computed from the argument outside the function is a constant, as in mathematics."""
    x = ops.convert_to_tensor(3.0)
    assert number(grad(lambda a, b: a * b)(x, x)) == 3.0

    def outer(x):
        y = 2 * x
        return grad(lambda a, b: a * b)(x, y) * x  # 2 x * x

    assert number(grad(outer)(x)) == pytest.approx(12.0)


def test_a_nest_gives_its_gradient_as_the_same_nest():
    gradient = grad(lambda nest: ops.sum(nest["a"]) * nest["b"][0])({"a": ops.ones((2,)), "b": [ops.ones(()) * 5]})
    np.testing.assert_allclose(ops.convert_to_numpy(gradient["a"]), [5.0, 5.0])
    assert number(gradient["b"][0]) == 2.0


def test_frozen_variables_and_shared_rows_have_gradients():
    table = keras.layers.Embedding(4, 2)
    table.build()
    table.trainable = False
    _, (gradient,) = value_and_grad(lambda: ops.sum(table(np.array([1, 1, 3]))), [table.embeddings])()
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), [[0, 0], [2, 2], [0, 0], [1, 1]])


@pytest.mark.parametrize(
    ("fn", "error", "words"),
    [
        (lambda v: v * v, ShapeError, "shape"),
        (lambda v: ops.argmax(v), UsageError, "int"),
        (lambda v: 1.0, UsageError, "float"),
        (lambda v: (ops.sum(v), v), UsageError, "tuple"),
        (lambda v: ops.cast(ops.argmax(v), "float32"), TrainingError, "argmax"),
        (lambda v: ops.sum(ops.stop_gradient(v)), TrainingError, "depends on none"),
        (lambda v: ops.zeros(()), TrainingError, "depends on none"),
    ],
)
def test_losses_that_cannot_be_differentiated(variables, fn, error, words):
    with pytest.raises(error, match=words):
        value_and_grad(lambda: fn(ops.convert_to_tensor(variables[0])), variables[:1])()
    with pytest.raises(error, match=words):
        grad(fn)(ops.ones((2,)))


def test_arguments_that_are_refused(variables):
    for wrong, words in [
        ([], "no variables"),
        (variables[0], "list of Keras variables"),
        ([np.ones(2)], "ndarray among"),
        ([keras.Variable(1, dtype="int32", trainable=False)], "int32"),
    ]:
        with pytest.raises(UsageError, match=words):
            value_and_grad(lambda: ops.ones(()), wrong)
    with pytest.raises(UsageError, match="int32"):
        grad(lambda x: ops.sum(x))(ops.convert_to_tensor([1, 2], "int32"))
    with pytest.raises(UsageError, match="pair"):
        value_and_grad(lambda: ops.sum(variables[0]), variables, has_aux=True)()
