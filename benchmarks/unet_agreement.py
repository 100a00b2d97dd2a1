"""How far the U-Nets are from diffusers', in the sizes of public models with random weights.

``KERAS_BACKEND=jax python benchmarks/unet_agreement.py`` prints the largest difference over the largest value of each
prediction. The text-conditioned ones have an eighth of the public widths, so that they fit a small machine; their
depths, blocks and embeddings are the public ones.
"""

import argparse
import dataclasses
import tempfile
import time
import warnings

import keras
import numpy as np

import kerasarch
from kerasarch.models.unet_2d import VARIANTS as UNCONDITIONAL
from kerasarch.models.unet_2d_condition_config import VARIANTS as CONDITIONAL
from kerasarch.weights import unet_2d, unet_2d_condition

PIXELS = 32


def narrow(config):
    """An eighth of the widths, with as many groups and heads as they allow."""
    widths = tuple(width // 8 for width in config.widths)
    return dataclasses.replace(config, widths=widths, groups=8, context_width=config.context_width // 8, heads=5)


def reference(module, config):
    """The model of diffusers with the sizes of our config and random weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # diffusers asks PyTorch for modules that it has deprecated
        import diffusers
        import torch
    torch.manual_seed(0)
    model = getattr(diffusers, module.CLASS_NAME)(**module.write_config(config)).eval()
    for tensor in model.parameters():
        if tensor.ndim == 1:  # fresh scales and offsets would hide a swapped pair
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
    return model


def inputs(config) -> dict[str, np.ndarray]:
    """Random inputs by the reference's names, channels last."""
    rng = np.random.default_rng(0)
    given = {
        "sample": rng.normal(size=(2, PIXELS, PIXELS, config.channels)).astype("float32"),
        "timestep": np.array([3, 981], "float32"),
    }
    if hasattr(config, "context_width"):
        given["encoder_hidden_states"] = rng.normal(size=(2, 77, config.context_width)).astype("float32")
    if getattr(config, "addition", None):
        given["text_embeds"] = rng.normal(size=(2, config.projection_width - 6 * config.addition_width))
        given["text_embeds"] = given["text_embeds"].astype("float32")
        given["time_ids"] = np.array([[1024, 768, 0, 64, 1024, 1024]] * 2, "float32")
    return given


def expected(model, given: dict[str, np.ndarray]) -> np.ndarray:
    """The reference's prediction, channels last."""
    import torch

    tensors = {name: torch.tensor(value) for name, value in given.items()}
    tensors["sample"] = tensors["sample"].permute(0, 3, 1, 2).contiguous()
    added = {name: tensors.pop(name) for name in ("text_embeds", "time_ids") if name in tensors}
    with torch.no_grad():
        output = model(**tensors, **({"added_cond_kwargs": added} if added else {})).sample
    return output.permute(0, 2, 3, 1).numpy()


def main() -> None:
    """Compare and print."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    public = {"ddpm_cifar10": UNCONDITIONAL["ddpm_cifar10"], **{key: narrow(CONDITIONAL[key]) for key in CONDITIONAL}}
    for name, config in public.items():
        module = unet_2d_condition if hasattr(config, "context_width") else unet_2d
        theirs, given = reference(module, config), inputs(config)
        wanted = expected(theirs, given)
        with tempfile.TemporaryDirectory() as folder:
            theirs.save_pretrained(folder)
            start = time.perf_counter()
            ours = kerasarch.from_pretrained(folder)
            loaded = time.perf_counter() - start
        found = np.asarray(ours.predict_on_batch(given), "float32")
        difference = np.abs(found - wanted).max() / np.abs(wanted).max()
        backend = keras.backend.backend()
        millions = ours.count_params() / 1e6
        print(f"{backend:10s} {name:20s} {millions:6.1f} M, read in {loaded:.1f} s: {difference:.1e}", flush=True)


if __name__ == "__main__":
    main()
