"""Pictures drawn with a diffusion model, and its file."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.generation import METHODS, DiffusionSampler, Flow, NoiseSchedule, make_plan


def painter(classes=None):
    """A network whose x0 is a flat picture, of a grey that hangs on the class: 0, 1, ... and grey for none."""
    x, times = keras.Input((4, 4, 1)), keras.Input(())
    if classes is None:
        return keras.Model([x, times], keras.layers.Dense(1, kernel_initializer="zeros")(x) + 0.5)
    labels = keras.Input((), dtype="int32")
    greys = np.append(np.linspace(-1, 1, classes), 0.0).astype("float32")[:, None]
    embedding = keras.layers.Embedding(classes + 1, 1, embeddings_initializer=keras.initializers.Constant(greys))
    flat = ops.reshape(embedding(labels), (-1, 1, 1, 1)) + keras.layers.Dense(1, kernel_initializer="zeros")(x)
    return keras.Model([x, times, labels], flat)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_ends_at_what_the_network_says(method):
    sampler = DiffusionSampler(painter(), (4, 4, 1), NoiseSchedule("cosine"), prediction="x0", method=method, steps=6)
    images = sampler.sample(2, seed=0)
    assert images.shape == (2, 4, 4, 1)
    assert images.dtype == np.uint8
    assert np.abs(images.astype(int) - round(0.75 * 255)).max() <= 3
    asked = len(make_plan(method, NoiseSchedule("cosine"), 6, prediction="x0"))
    assert asked == (5 if method == "heun" else 6)  # Heun asks twice a step but the last


def test_classes_guidance_and_the_file(tmp_path):
    sampler = DiffusionSampler(
        painter(3), (4, 4, 1), NoiseSchedule("cosine"), prediction="x0", steps=4, null=3, classes=["a", "b", "c"]
    )  # fmt: skip
    images = sampler.sample(6, seed=1)
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), [0, 127.5, 255] * 2, atol=2)
    few = sampler.sample(2, seed=1)
    np.testing.assert_array_equal(few, images[:2])
    # Twice the class, less once nothing: black and white beyond what can be shown, grey as it was
    strong = sampler.draw(3, 1, guidance=2.0)
    np.testing.assert_allclose(strong.mean(axis=(1, 2, 3)), [0, 127.5, 255], atol=2)
    sampler.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.process == sampler.process
    assert again.class_names == ("a", "b", "c")
    np.testing.assert_array_equal(again.sample(3, seed=1), images[:3])


def test_a_decoder_makes_pictures_of_what_is_denoised():
    latent = keras.Input((4, 4, 1))
    decoder = keras.Model(latent, keras.layers.UpSampling2D(2)(latent * 2))
    sampler = DiffusionSampler(
        painter(), (4, 4, 1), NoiseSchedule("cosine"), prediction="x0", steps=3, limit=None, decoder=decoder
    )
    seen = []
    images = sampler.draw(3, 0, watch=lambda index, x, clean: seen.append(clean.shape))
    assert images.shape == (3, 8, 8, 1)
    assert len(seen) == 3
    assert images.min() == 255  # 0.5 becomes 1, white


def test_refuses():
    flow = {"process": Flow(), "prediction": "flow"}
    DiffusionSampler(painter(), (4, 4, 1), **flow, method="flow_euler")
    with pytest.raises(UsageError, match="flow_euler"):
        DiffusionSampler(painter(), (4, 4, 1), **flow)
    with pytest.raises(UsageError, match="method"):
        DiffusionSampler(painter(), (4, 4, 1), NoiseSchedule(), prediction="v", method="magic")
    with pytest.raises(UsageError, match="guidance"):
        DiffusionSampler(painter(), (4, 4, 1), NoiseSchedule(), prediction="v", guidance=2.0)
    unguided = DiffusionSampler(painter(3), (4, 4, 1), NoiseSchedule(), prediction="x0", classes=["a", "b", "c"])
    with pytest.raises(UsageError, match="guidance"):
        unguided.draw(1, 0, guidance=2.0)  # it never learned to do without a class
    with pytest.raises(UsageError, match="truncation"):
        DiffusionSampler(painter(), (4, 4, 1), NoiseSchedule(), prediction="v").sample(1, 0, truncation=0.5)


def test_heun_begins_where_its_paper_does():
    """A cosine schedule's last steps are hundreds of times noisier than that; from there Heun's slopes are no use."""
    plan = make_plan("heun", NoiseSchedule("cosine"), 15, prediction="v")
    np.testing.assert_allclose(plan.sigmas[0] / plan.alphas[0], 80, rtol=1e-6)
    mild = make_plan("heun", NoiseSchedule("scaled_linear", first=1e-4, last=0.012), 15, prediction="v")
    assert mild.sigmas[0] / mild.alphas[0] < 80
