"""Spectral normalisation of a linear layer, as a reparameterisation."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError


def _unit(x: Any) -> Any:
    """Divide by the length; the epsilon inside the root keeps a zero vector's gradient finite."""
    return x * ops.rsqrt(ops.sum(ops.square(x)) + 1e-24)


@keras.saving.register_keras_serializable(package="kerasarch")
class SpectralNormalization(keras.layers.Layer):
    """Linear layer whose kernel is divided by its largest singular value, so that it is 1-Lipschitz.

    ``y = (W / sigma(W)) x + b`` with ``sigma = u W v`` and one power iteration ``v <- W u / |W u|``,
    ``u <- W' v / |W' v|`` a call: Miyato et al., 2018, eq. 8 and algorithm 1 (https://arxiv.org/abs/1802.05957). ``u``
    is kept; it moves in training only. The gradient flows through ``sigma`` into ``W`` (eq. 12), u and v are constants.

    ``keras.layers.SpectralNormalization`` instead overwrites the kernel by the normalised one in the forward pass: the
    weights are projected, the optimizer's moments belong to other ones, and what gradient results is different on each
    backend.

    Args:
        layer: Any layer that is linear in its input but for a bias and an activation after it, with a ``kernel``
            (dense, convolution, transposed convolution), or an ``Embedding``.
        iterations: Power iterations a call.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        Those of the layer.

    Raises:
        UsageError: The layer has neither a kernel nor embeddings, or there is no iteration.
    """

    def __init__(self, layer: keras.layers.Layer, *, iterations: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        if iterations < 1:
            raise UsageError(f"{self.name}: iterations must be 1 or more. Received iterations={iterations}.")
        self.layer = layer
        self.iterations = iterations

    def _matrix(self) -> Any:
        """The kernel as a matrix of float32: everything else times output channels."""
        embedding = isinstance(self.layer, keras.layers.Embedding)
        kernel = ops.convert_to_tensor(self.layer.embeddings if embedding else self.layer.kernel, "float32")
        if self._transposed():
            kernel = ops.swapaxes(kernel, -1, -2)
        return ops.reshape(kernel, (-1, kernel.shape[-1]))

    def _transposed(self) -> bool:
        # The kernels of transposed convolutions end in (output, input) channels.
        kinds = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
        return isinstance(self.layer, kinds)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the layer and the vector u."""
        if not self.layer.built:
            self.layer.build(input_shape)
        kernel = getattr(self.layer, "kernel", getattr(self.layer, "embeddings", None))
        if kernel is None:
            raise UsageError(
                f"{self.name}: a layer with a kernel or embeddings was expected. "
                f"Received {type(self.layer).__name__}. Wrap the dense layer or convolution itself."
            )
        width = kernel.shape[-2 if self._transposed() else -1]
        self.vector = self.add_weight(
            name="vector", shape=(width,), initializer="random_normal", trainable=False, dtype="float32"
        )

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Apply the layer with its normalised kernel."""
        matrix = self._matrix()
        constant = ops.stop_gradient(matrix)
        vector = ops.convert_to_tensor(self.vector, "float32")
        for _ in range(self.iterations):
            left = _unit(ops.matmul(constant, vector))
            vector = _unit(ops.matmul(left, constant))
        if training:
            self.vector.assign(vector)
        sigma = ops.sum(ops.matmul(matrix, vector) * left)
        # The layer is linear: dividing its input (an embedding's output) is dividing its kernel, and leaves the bias.
        scale = ops.cast(1.0 / ops.maximum(sigma, 1e-12), self.compute_dtype)
        if isinstance(self.layer, keras.layers.Embedding):
            return self.layer(x) * scale
        return self.layer(x * scale)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the layer's output."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        layer = keras.saving.serialize_keras_object(self.layer)
        # Built outside this layer, as Keras would do it from this entry, its variables had other paths.
        layer.pop("build_config", None)
        return {**super().get_config(), "layer": layer, "iterations": self.iterations}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SpectralNormalization":
        """Make the layer from what ``get_config`` returned."""
        config = dict(config)
        return cls(keras.saving.deserialize_keras_object(config.pop("layer")), **config)
