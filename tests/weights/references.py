"""Reference models with healthy random weights, and how they are compared."""

import warnings

import h5py
import keras
import numpy as np
import torch


def assert_close(ours, expected) -> None:
    """At most 1e-4 of the output's scale apart."""
    ours, expected = np.asarray(ours), np.asarray(expected)
    assert ours.shape == expected.shape
    scale = max(float(np.abs(expected).max()), 1e-3)
    assert float(np.abs(ours - expected).max()) <= 1e-4 * scale


def randomise_torch(model: torch.nn.Module) -> None:
    """Random statistics and scales: fresh ones would hide a swapped pair."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        with torch.no_grad():
            if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
            elif tensor.ndim == 1:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)


def enliven_torch(model: torch.nn.Module) -> None:
    """Kernels of He et al.: behind PyTorch's own, plain deep networks give their biases whatever goes in."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter, generator=generator)


def assert_depends_on_input(outputs: np.ndarray) -> None:
    """Outputs of two examples differ by hundreds of times what ``assert_close`` allows: biases alone would not."""
    outputs = np.asarray(outputs)
    assert float(np.abs(outputs[0] - outputs[1]).max()) >= 0.03 * float(np.abs(outputs).max())


def diffusers_model(kind: str, **fields) -> torch.nn.Module:
    """A model of diffusers with random weights."""
    with warnings.catch_warnings():
        # diffusers 0.42 asks torch for modules that torch has deprecated
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        import diffusers
    torch.manual_seed(0)
    model = getattr(diffusers, kind)(**fields).eval()
    randomise_torch(model)
    return model


def first(x) -> torch.Tensor:
    """Channels-last pictures as PyTorch has them."""
    return torch.tensor(np.ascontiguousarray(np.moveaxis(np.asarray(x), -1, 1)))


def last(x: torch.Tensor) -> np.ndarray:
    """PyTorch's pictures, channels last."""
    return np.moveaxis(x.detach().numpy(), 1, -1)


def huggingface_outputs(model: torch.nn.Module, x: np.ndarray):
    """Outputs for channels-last pictures, as arrays."""
    with torch.no_grad():
        result = model(torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1))))
    return type(result)(**{name: value.numpy() for name, value in result.items() if hasattr(value, "numpy")})


def named_outputs(model: torch.nn.Module, **inputs) -> dict:
    """Outputs of a model of transformers by name, with its hidden states, as arrays; its cache is left out."""
    with torch.no_grad():
        found = model(**{key: torch.tensor(value) for key, value in inputs.items()}, output_hidden_states=True)
    return {
        key: tuple(part.numpy() for part in value) if isinstance(value, tuple) else value.numpy()
        for key, value in found.items()
        if key != "past_key_values"
    }


def call_quickly(model, inputs):
    """Call a model, compiled on JAX, where eager calls compile each operation by itself."""
    return model.predict_on_batch(inputs) if keras.backend.backend() == "jax" else model(inputs)


def write_legacy(model, path) -> None:
    """Write the weights as Keras 2 did, which is how keras.applications' public files are."""
    with h5py.File(path, "w") as root:
        root.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = root.create_group(layer.name)
            names = [f"{layer.name}/{variable.name}:0" for variable in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, layer.weights, strict=True):
                group[name] = variable.numpy() if not hasattr(variable, "detach") else variable.detach().numpy()
