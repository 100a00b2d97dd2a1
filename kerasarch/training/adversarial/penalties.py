"""What keeps a discriminator smooth and a generator well conditioned: penalties on gradients and weights."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
from keras import ops

from kerasarch.training.gradients import grad

_TINY = 1e-12  # inside the root: the norm of a zero gradient has no derivative


def _squared_norms(score: Callable[[Any], Any], images: Any) -> Any:
    # The scores of a batch are summed: no score depends on another picture of the batch, so each picture's gradient is
    # that of its own score. (Batch normalization breaks this, which is why such critics have none.)
    gradient = grad(lambda x: ops.sum(ops.cast(score(x), "float32")))(images)
    gradient = ops.cast(gradient, "float32")
    return ops.sum(ops.square(gradient), axis=tuple(range(1, len(gradient.shape))))  # (B,)


def interpolate(real: Any, fake: Any, mix: Any) -> Any:
    """Points on the lines between real and fake pictures: ``mix * real + (1 - mix) * fake``.

    Gulrajani et al., 2017, algorithm 1 (https://arxiv.org/abs/1704.00028).

    Args:
        real: Real pictures ``(B, ...)``.
        fake: Generated pictures of the same shape.
        mix: Numbers from 0 to 1, ``(B,)``.
    """
    real = ops.convert_to_tensor(real)
    mix = ops.reshape(ops.cast(mix, real.dtype), (-1,) + (1,) * (len(real.shape) - 1))
    return mix * real + (1 - mix) * ops.cast(fake, real.dtype)


def gradient_penalty(score: Callable[[Any], Any], images: Any, target: float = 1.0) -> Any:
    """Mean squared distance of the gradient's norm from a target.

    ``E (||grad D(x)||_2 - target)^2``: Gulrajani et al., 2017, eq. 3 (https://arxiv.org/abs/1704.00028), there with
    weight 10 and at interpolated pictures (`interpolate`).

    Args:
        score: Function from pictures to scores; a critic, with its labels and ``training`` bound.
        images: Where the gradient is taken, ``(B, ...)``.
        target: The norm that a 1-Lipschitz critic has along optimal transport.
    """
    return ops.mean(ops.square(ops.sqrt(_squared_norms(score, images) + _TINY) - target))


def r1_penalty(score: Callable[[Any], Any], real: Any, gamma: float = 10.0) -> Any:
    """Squared norm of the gradient at real pictures, ``gamma / 2 * E ||grad D(x)||^2``.

    Mescheder et al., 2018, eq. 9 (https://arxiv.org/abs/1801.04406).

    Args:
        score: Function from pictures to scores.
        real: Real pictures ``(B, ...)``.
        gamma: Weight.
    """
    return gamma / 2 * ops.mean(_squared_norms(score, real))


def r2_penalty(score: Callable[[Any], Any], fake: Any, gamma: float = 10.0) -> Any:
    """Squared norm of the gradient at generated pictures: Mescheder et al., 2018, eq. 10.

    Args:
        score: Function from pictures to scores.
        fake: Generated pictures ``(B, ...)``, not to be differentiated.
        gamma: Weight.
    """
    return r1_penalty(score, fake, gamma)


def path_lengths(synthesis: Callable[[Any], Any], styles: Any, noise: Any) -> Any:
    """Length of each picture's random step back to its styles, ``||J^T y||_2`` with Gaussian pictures ``y``.

    Karras et al., 2020, eq. 4 (https://arxiv.org/abs/1912.04958). ``J^T y`` is the gradient of ``sum(g(w) * y)``, so
    the Jacobian is never formed. As in the authors' code the noise is divided by the square root of the picture's
    pixels and the squares are averaged over the layers where each layer has styles of its own.

    Args:
        synthesis: Function from styles to pictures.
        styles: ``(B, width)``, or ``(B, layers, width)``.
        noise: Standard normal, of the shape of the pictures.

    Returns:
        Lengths ``(B,)``.
    """
    channel_axis = 1 if keras.config.image_data_format() == "channels_first" else 3
    pixels = 1
    for axis in {1, 2, 3} - {channel_axis}:
        pixels *= noise.shape[axis]
    noise = ops.cast(noise, "float32") / pixels**0.5
    gradient = grad(lambda w: ops.sum(ops.cast(synthesis(w), "float32") * noise))(styles)
    squares = ops.sum(ops.square(ops.cast(gradient, "float32")), axis=-1)  # (B,) or (B, layers)
    if len(squares.shape) > 1:
        squares = ops.mean(squares, axis=1)
    return ops.sqrt(squares + _TINY)


def clip_weights(network: keras.Model, limit: float = 0.01) -> None:
    """Clip each trainable weight of a critic to ``[-limit, limit]``.

    Arjovsky et al., 2017, algorithm 1, line 7 (https://arxiv.org/abs/1701.07875).

    Args:
        network: The critic, after its step.
        limit: The largest absolute value.
    """
    for variable in network.trainable_variables:
        variable.assign(ops.clip(variable.value, -limit, limit))


def orthogonal_penalty(kernels: Iterable[Any], weight: float = 1e-4) -> Any:
    """Pairwise similarity of filters, ``weight * ||W^T W * (1 - I)||_F^2`` summed over the kernels.

    Brock et al., 2018, eq. 3 (https://arxiv.org/abs/1809.11096): the norms of the filters are left free.

    Args:
        kernels: Kernels whose last axis counts the filters, see `kernels_of`.
        weight: Weight.
    """
    total = ops.zeros((), "float32")
    for kernel in kernels:
        matrix = ops.cast(ops.reshape(ops.convert_to_tensor(kernel), (-1, kernel.shape[-1])), "float32")
        products = ops.matmul(ops.transpose(matrix), matrix)
        total = total + ops.sum(ops.square(products * (1 - ops.eye(kernel.shape[-1], dtype="float32"))))
    return weight * total


def kernels_of(network: keras.Model) -> list[Any]:
    """The trainable kernels of a network: its weights of two or more axes, embeddings of classes left out.

    Args:
        network: A built network.
    """
    return [
        variable
        for variable in network.trainable_variables
        if len(variable.shape) >= 2 and "embedding" not in variable.path.split("/")[-1]
    ]
