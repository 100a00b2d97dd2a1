"""Names of activations at Hugging Face and in Keras, for those whose definitions agree."""

from kerasarch.errors import WeightsError

_KERAS = {
    "relu": "relu",
    "relu6": "relu6",
    "gelu": "gelu",
    "silu": "silu",
    "swish": "silu",
    "elu": "elu",
    "selu": "selu",
    "mish": "mish",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "hardswish": "hard_swish",
    "linear": "linear",
}


def from_huggingface(name: str, origin: str) -> str:
    """Return Keras' name.

    Raises:
        WeightsError: Keras has no activation of the same definition.
    """
    if name not in _KERAS:
        raise WeightsError(f"{origin}: hidden_act {name!r} has no equal in Keras. Known are {', '.join(_KERAS)}.")
    return _KERAS[name]


def to_huggingface(name: str) -> str:
    """Return Hugging Face's name.

    Raises:
        WeightsError: The activation has no name there.
    """
    for theirs, ours in _KERAS.items():
        if ours == name:
            return theirs
    raise WeightsError(f"Activation {name!r} has no name at Hugging Face. Known are {', '.join(_KERAS.values())}.")
