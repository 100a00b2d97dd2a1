"""Vectors replaced by the nearest ones of a learned codebook."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError


@keras.saving.register_keras_serializable(package="kerasarch")
class VectorQuantizer(keras.layers.Layer):
    """Replaces each vector of a map by the nearest of ``codes`` learned ones.

    ``z_q = e_k, k = argmin_j |z - e_j|``: van den Oord et al., 2017, eq. 1 and 2 (https://arxiv.org/abs/1711.00937).
    The gradient of ``z_q`` goes to ``z`` unchanged (straight through, section 3.2). The layer adds the loss
    ``commitment * mean((z - sg(e_k))^2)``, the last term of eq. 3.

    The codebook learns in one of two ways. With ``decay`` it follows the vectors assigned to it (appendix A.1, eq. 6 to
    8): counts ``N_i <- decay * N_i + (1 - decay) * n_i``, sums ``m_i <- decay * m_i + (1 - decay) * sum z``, and
    ``e_i <- m_i / N_i``. Without, it is a trainable variable, and the layer adds the second term of eq. 3,
    ``codebook_weight * mean((sg(z) - e_k)^2)``.

    Codes that hardly any vector chooses stop learning. With ``reset_below`` a code whose moving count falls below that
    number becomes a random vector of the batch (Dhariwal et al., 2020, section 3.1, https://arxiv.org/abs/2005.00341).
    A codebook that learns by its gradient then has a second part that is not trained, ``moved``: the codes are the sum
    of both, and a replacement changes the second one. Keras' training step on JAX keeps only what a call assigns to
    variables that are not trained.

    Args:
        codes: Size of the codebook.
        commitment: Weight of the commitment loss, the paper's beta.
        decay: Share of the old value in the moving counts and sums; None for a codebook that learns from its gradient.
        codebook_weight: Weight of the codebook loss where ``decay`` is None.
        reset_below: Moving count, in vectors a batch, below which a code is replaced; 0 never replaces.
        epsilon: The counts are smoothed, ``N_i <- (N_i + epsilon) / (sum N + codes * epsilon) * sum N``, so that an
            unused code does not divide by zero; not in the paper, but in its authors' code.
        axis: Axis of the vectors, -1 or 1.
        seed: Seed of the replacements.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, ..., D) -> (B, ..., D)``; codes ``(B, ...)``, int32.

    Raises:
        UsageError: A number is out of its range.
        ShapeError: The length of the vectors is unknown.
    """

    def __init__(
        self,
        codes: int,
        *,
        commitment: float = 0.25,
        decay: float | None = 0.99,
        codebook_weight: float = 1.0,
        reset_below: float = 0.0,
        epsilon: float = 1e-5,
        axis: int = -1,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if codes < 1 or (decay is not None and not 0 < decay < 1) or axis not in (1, -1) or reset_below < 0:
            raise UsageError(
                f"{self.name}: expected codes of 1 or more, decay None or between 0 and 1, reset_below of 0 or more, "
                f"axis 1 or -1. Received codes={codes}, decay={decay}, reset_below={reset_below}, axis={axis}."
            )
        self.codes = codes
        self.commitment = commitment
        self.decay = decay
        self.codebook_weight = codebook_weight
        self.reset_below = reset_below
        self.epsilon = epsilon
        self.axis = axis
        self.seed = seed
        self.counts: Any = None
        self.sums: Any = None
        self.moved: Any = None
        self.seed_generator = keras.random.SeedGenerator(seed) if reset_below else None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the codebook and, where needed, the moving counts and sums."""
        width = input_shape[self.axis]
        if width is None:
            raise ShapeError(f"{self.name}: the length of the vectors must be known. Received shape {input_shape}.")
        bound = 1 / self.codes
        self.codebook = self.add_weight(
            name="codebook",
            shape=(self.codes, width),
            initializer=keras.initializers.RandomUniform(-bound, bound, seed=self.seed),
            trainable=self.decay is None,
            autocast=False,  # sums over a batch and differences of neighbours do not survive half precision
        )
        if self.decay is not None or self.reset_below:
            self.counts = self.add_weight(
                name="counts", shape=(self.codes,), initializer="ones", trainable=False, autocast=False
            )
        if self.decay is not None:
            # e_i = m_i / N_i holds from the start; copied, because JAX may not be given one array for two variables
            self.sums = self.add_weight(
                name="sums", shape=(self.codes, width), initializer="zeros", trainable=False, autocast=False
            )
            self.sums.assign(ops.copy(self.codebook))
        elif self.reset_below:
            self.moved = self.add_weight(
                name="moved", shape=(self.codes, width), initializer="zeros", trainable=False, autocast=False
            )

    def vectors(self) -> Any:
        """Return the vectors of all codes: ``(codes, D)``, float32."""
        codebook = ops.convert_to_tensor(self.codebook)
        return codebook if self.moved is None else codebook + self.moved

    def nearest(self, z: Any) -> Any:  # (B, ..., D)
        """Return the index of the nearest code for each vector: ``(B, ...)``, int32."""
        z = self._vectors_last(ops.cast(z, "float32"))
        # |z - e|^2 without |z|^2, which is the same for every code
        codes = self.vectors()
        distances = ops.sum(ops.square(codes), -1) - 2 * ops.matmul(z, ops.transpose(codes))
        return ops.cast(ops.argmin(distances, axis=-1), "int32")

    def lookup(self, indices: Any) -> Any:  # (B, ...)
        """Return the vectors of codes: ``(B, ..., D)``, with the vectors on the layer's axis."""
        vectors = ops.take(self.vectors(), ops.cast(indices, "int32"), axis=0)
        return ops.cast(self._vectors_back(vectors), self.compute_dtype)

    def call(self, z: Any, training: bool | None = None) -> Any:  # (B, ..., D)
        """Quantise and add the losses; in training also move the codebook."""
        quantised, _, loss = self.quantise(z, training=training)
        self.add_loss(loss)
        return quantised

    def quantise(self, z: Any, training: bool | None = None) -> tuple[Any, Any, Any]:
        """Return the quantised map, its codes and the sum of the losses; in training also move the codebook.

        For a training step of one's own, where a loss is computed and not added to a layer.

        Args:
            z: ``(B, ..., D)``.
            training: Whether the codebook moves.
        """
        exact = ops.cast(z, "float32")
        indices = self.nearest(exact)
        chosen = self._vectors_back(ops.take(self.vectors(), indices, axis=0))
        loss = self.commitment * ops.mean(ops.square(exact - ops.stop_gradient(chosen)))
        if self.decay is None:
            loss = loss + self.codebook_weight * ops.mean(ops.square(ops.stop_gradient(exact) - chosen))
        if training and self.counts is not None:
            self._follow(ops.stop_gradient(self._vectors_last(exact)), indices)
        return ops.cast(exact + ops.stop_gradient(chosen - exact), self.compute_dtype), indices, loss

    def _follow(self, vectors: Any, indices: Any) -> None:
        """Move counts, sums and codebook towards a batch, then replace the codes that nobody chooses."""
        vectors = ops.reshape(vectors, (-1, self.codebook.shape[1]))  # (T, D)
        assigned = ops.one_hot(ops.reshape(indices, (-1,)), self.codes, dtype="float32")  # (T, codes)
        decay = self.decay if self.decay is not None else 0.99
        counts = decay * self.counts + (1 - decay) * ops.sum(assigned, axis=0)
        if self.decay is not None:
            sums = decay * self.sums + (1 - decay) * ops.matmul(ops.transpose(assigned), vectors)
            total = ops.sum(counts)
            smoothed = (counts + self.epsilon) / (total + self.codes * self.epsilon) * total
            codes = sums / smoothed[:, None]
        if self.reset_below:
            dead = counts < self.reset_below
            uniform = keras.random.uniform((self.codes,), seed=self.seed_generator)
            length = ops.shape(vectors)[0]
            picks = ops.cast(uniform * ops.cast(length, "float32"), "int32")
            fresh = ops.take(vectors, ops.minimum(picks, length - 1), axis=0)  # (codes, D)
            # A count of 1 gives the newcomer time to be chosen.
            newcomer = max(1.0, self.reset_below)
            counts = ops.where(dead, newcomer, counts)
            if self.decay is None:
                apart = fresh - ops.stop_gradient(ops.convert_to_tensor(self.codebook))
                self.moved.assign(ops.where(dead[:, None], apart, self.moved.value))
            else:
                codes = ops.where(dead[:, None], fresh, codes)
                sums = ops.where(dead[:, None], fresh * newcomer, sums)
        self.counts.assign(counts)
        if self.decay is not None:
            self.sums.assign(sums)
            self.codebook.assign(codes)

    def _vectors_last(self, z: Any) -> Any:
        return z if self.axis == -1 else ops.moveaxis(z, 1, -1)

    def _vectors_back(self, z: Any) -> Any:
        return z if self.axis == -1 else ops.moveaxis(z, -1, 1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "codes": self.codes,
            "commitment": self.commitment,
            "decay": self.decay,
            "codebook_weight": self.codebook_weight,
            "reset_below": self.reset_below,
            "epsilon": self.epsilon,
            "axis": self.axis,
            "seed": self.seed,
        }
