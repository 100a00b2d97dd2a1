"""Low-rank adapters: a few numbers that are trained in the place of a large network's weights."""

import math

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import CausalSelfAttention, CrossAttention

KINDS = (CrossAttention, CausalSelfAttention)
PARTS = ("query", "key", "value", "out")
VARIABLES = ("lora_kernel_a", "lora_kernel_b")


def add_adapters(network: keras.Model, rank: int, *, alpha: float | None = None, seed: int = 0) -> dict[str, int]:
    """Give every attention of a network's transformer blocks adapters, and let nothing else train.

    The linear maps become ``W + alpha / rank A B`` with A random and B zero: Hu et al., 2021, section 4.1
    (https://arxiv.org/abs/2106.09685). They are Keras' own, see ``keras.layers.Dense.enable_lora``. Maps that have
    adapters already, such as those of a file, keep them with their rank and weight, so that training goes on from them.

    Args:
        network: A built network.
        rank: Width between A and B.
        alpha: Weight of the adapters; None is the rank, as in diffusers.
        seed: Of A.

    Returns:
        The parameters that train, and those of the whole network, as ``trained`` and ``all``.

    Raises:
        UsageError: The rank is below 1, or there is nothing to adapt.
    """
    places = adaptable(network)
    if rank < 1 or not places:
        raise UsageError(
            f"Adapters need rank >= 1 and a network with attention to adapt. Received rank={rank} and "
            f"{len(places)} such places in {network.name}."
        )
    for number, layer in enumerate(places):
        if layer.lora_enabled:
            continue
        start = keras.initializers.HeUniform(seed=seed * 1_000_003 + number)
        layer.enable_lora(rank, lora_alpha=alpha, a_initializer=start)
    for variable in network.variables:
        variable.trainable = variable.name in VARIABLES
    return {
        "trained": sum(math.prod(variable.shape) for variable in network.trainable_variables),
        "all": sum(math.prod(variable.shape) for variable in network.variables),
    }


def adaptable(network: keras.Model) -> list[keras.layers.Dense]:
    """Return the linear maps of all attentions in transformer blocks, in the network's order."""
    attentions = [layer for layer in network._flatten_layers() if isinstance(layer, KINDS)]
    return [getattr(attention, part) for attention in attentions for part in PARTS]
