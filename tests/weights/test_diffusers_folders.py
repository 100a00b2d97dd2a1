"""AutoencoderKL and VQModel against diffusers, from its folders and back into them."""

import json
import warnings

import keras
import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import models
from kerasarch.errors import UsageError, WeightsError
from kerasarch.weights.safetensors_files import read_safetensors, write_safetensors
from tests import conformance
from tests.conformance import to_numpy
from tests.weights.references import assert_close, randomise_torch

pytestmark = conformance.QUIET

KL = {
    "plain": {
        "block_out_channels": (8, 12),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "norm_num_groups": 4,
        "latent_channels": 3,
        "layers_per_block": 2,
        "latents_mean": (0.1, -0.2, 0.3),
        "latents_std": (0.5, 1.5, 2.0),
    },
    "odd": {
        "in_channels": 1,
        "out_channels": 2,
        "block_out_channels": (4, 8, 8),
        "down_block_types": ("DownEncoderBlock2D", "AttnDownEncoderBlock2D", "DownEncoderBlock2D"),
        "up_block_types": ("UpDecoderBlock2D", "AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
        "norm_num_groups": 2,
        "act_fn": "mish",
        "use_quant_conv": False,
        "use_post_quant_conv": False,
        "mid_block_add_attention": False,
        "scaling_factor": 0.3611,
        "shift_factor": 0.1159,
        "force_upcast": False,
    },
}
VQ = {
    "plain": {
        "block_out_channels": (8, 12),
        "down_block_types": ("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        "up_block_types": ("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
        "norm_num_groups": 4,
        "num_vq_embeddings": 16,
        "vq_embed_dim": 5,
        "lookup_from_codebook": True,
    },
    "spatial": {
        "block_out_channels": (32, 32),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
        "num_vq_embeddings": 16,
        "latent_channels": 4,
        "norm_type": "spatial",
    },
}


def reference(kind: str, **fields):
    """A model of diffusers with random weights."""
    with warnings.catch_warnings():
        # diffusers 0.42 asks torch for a module that torch has deprecated
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        import diffusers
    torch.manual_seed(0)
    model = getattr(diffusers, kind)(**fields).eval()
    randomise_torch(model)
    if kind == "VQModel":
        torch.nn.init.normal_(model.quantize.embedding.weight)
    return model


def pictures(height: int = 21, width: int = 14, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (2, height, width, channels)).astype("float32")


def first(x) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(np.moveaxis(np.asarray(x), -1, 1)))


def last(x: torch.Tensor) -> np.ndarray:
    return np.moveaxis(x.detach().numpy(), 1, -1)


def compiled(function, *arrays):
    """Apply a function and return arrays; JAX compiles it as a whole, operation by operation is far slower."""
    if keras.backend.backend() == "jax":
        import jax

        function = jax.jit(function)
    return keras.tree.map_structure(to_numpy, function(*arrays))


def with_old_names(file) -> None:
    """Rename as in Stable Diffusion's own file, from before diffusers 0.15."""
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    tensors = {}
    for name, tensor in read_safetensors(file).items():
        for new, before in old.items():
            name = name.replace(new, before)
        tensors[name] = np.array(tensor)
    assert any(".proj_attn." in name for name in tensors)
    write_safetensors(file, tensors)


@pytest.mark.parametrize("name", KL)
def test_autoencoder_kl_both_ways(name, tmp_path):
    theirs = reference("AutoencoderKL", **KL[name])
    theirs.save_pretrained(tmp_path / "theirs")
    if name == "plain":
        with_old_names(tmp_path / "theirs" / "diffusion_pytorch_model.safetensors")
    x = pictures(channels=KL[name].get("in_channels", 3))
    ours = kerasarch.from_pretrained(tmp_path / "theirs")
    with torch.no_grad():
        expected = theirs.encode(first(x)).latent_dist
        reconstruction = last(theirs(first(x)).sample)

    def outputs(x):
        posterior = ours.encode(x)
        return posterior.mean, posterior.logvar, posterior.kl(), ours.decode(posterior.mode()), ours(x)

    mean, logvar, kl, decoded, called = compiled(outputs, x)
    assert_close(mean, last(expected.mean))
    assert_close(logvar, last(expected.logvar))
    assert_close(kl, expected.kl().numpy())
    assert_close(decoded, reconstruction)
    assert_close(called, reconstruction)
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    again, report = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report.values())
    wanted = {key: value for key, value in theirs.config.items() if not key.startswith("_") and key != "force_upcast"}
    assert {key: listed(again.config[key]) for key in wanted} == {key: listed(value) for key, value in wanted.items()}
    with torch.no_grad():
        assert_close(last(again(first(x)).sample), reconstruction)


def listed(value):
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", VQ)
def test_vq_model_both_ways(name, tmp_path):
    theirs = reference("VQModel", **VQ[name])
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size="100KB")
    x = pictures()
    ours = kerasarch.from_pretrained(tmp_path / "theirs")
    with torch.no_grad():
        latents = theirs.encode(first(x)).latents
        expected = theirs.decode(latents)
        codes = theirs.quantize(latents)[2][2].reshape(2, *latents.shape[2:])
    unquantised = codes.numpy() if theirs.config.lookup_from_codebook else last(latents)

    def outputs(x, unquantised):
        sample = ours(x)
        losses = sum(keras.ops.stop_gradient(loss) for loss in ours.losses)
        return sample, losses, ours.encode(x), ours.codes(x), ours.decode(unquantised, quantise=False)

    sample, losses, encoded, found, painted = compiled(outputs, x, unquantised)
    assert_close(sample, last(expected.sample))
    assert_close(losses, expected.commit_loss.numpy())
    assert_close(encoded, last(latents))
    np.testing.assert_array_equal(found, codes)
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    again = type(theirs).from_pretrained(tmp_path / "ours")
    with torch.no_grad():
        assert_close(last(again(first(x)).sample), last(expected.sample))
        shape = (2, *latents.shape[2:], latents.shape[1])
        given = codes.reshape(-1) if theirs.config.lookup_from_codebook else latents
        wanted = theirs.decode(given, force_not_quantize=True, shape=shape).sample
    assert_close(painted, last(wanted))


def test_channels_first(tmp_path):
    if keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow's convolutions on the CPU take channels last alone")
    theirs = reference("VQModel", **VQ["spatial"])
    theirs.save_pretrained(tmp_path)
    x = pictures(8, 10)
    keras.config.set_image_data_format("channels_first")
    try:
        ours = kerasarch.from_pretrained(tmp_path)
        with torch.no_grad():
            assert_close(ours.predict_on_batch(first(x).numpy()), theirs(first(x)).sample)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_latents_for_a_diffusion_model(tmp_path):
    """The formulas of diffusers' pipelines: Stable Diffusion 3 shifts, SDXL has statistics of each channel."""
    z = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype("float32")
    shifted = models.AutoencoderKL({"latent": 4, "scaling_factor": 0.5, "shift_factor": 0.1})
    np.testing.assert_allclose(to_numpy(shifted.normalise(keras.ops.convert_to_tensor(z))), (z - 0.1) * 0.5, rtol=1e-6)
    mean, std = np.array([0.1, 0.2, 0.3, 0.4], "float32"), np.array([1, 2, 3, 4], "float32")
    fields = {"latent": 4, "scaling_factor": 0.5, "latents_mean": tuple(mean), "latents_std": tuple(std)}
    whitened = models.AutoencoderKL(fields)
    np.testing.assert_allclose(
        to_numpy(whitened.denormalise(keras.ops.convert_to_tensor(z))), z * std / 0.5 + mean, rtol=1e-5
    )
    np.testing.assert_allclose(
        to_numpy(whitened.denormalise(whitened.normalise(keras.ops.convert_to_tensor(z)))), z, atol=1e-6
    )


def test_folders_that_do_not_fit(tmp_path):
    reference("AutoencoderKL", **KL["plain"]).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    def refused(match: str, error=WeightsError, **changes):
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(error, match=match):
            kerasarch.from_pretrained(tmp_path)

    refused("UNet1DModel is not built here. Known are AutoencoderKL,", _class_name="UNet1DModel")
    refused("not known here: window", window=3)
    refused("CrossAttnDownBlock2D not built here", down_block_types=["CrossAttnDownBlock2D"] * 2)
    refused("act_fn 'prelu'", act_fn="prelu")
    refused("different lengths", block_out_channels=[8, 12, 12])
    refused("Build the model with the sizes", latent_channels=5, latents_mean=None, latents_std=None)
    refused("variables without a tensor", layers_per_block=3)
    refused("both of latents_mean", UsageError, latents_std=None)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="neither classes nor variants"):
        kerasarch.from_pretrained(tmp_path, classes=3)
    with pytest.raises(UsageError, match="Received a VQModel"):
        kerasarch.weights.load_into(models.VQModel({}), tmp_path)
