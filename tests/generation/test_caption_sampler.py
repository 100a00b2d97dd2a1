"""Pictures of captions, and the file of the model that draws them."""

import keras
import numpy as np
import pytest

from kerasarch import models
from kerasarch.errors import UsageError
from kerasarch.generation import CaptionSampler, NoiseSchedule

pytest.importorskip("tokenizers")
CAPTIONS = ["a black square", "a white square", "ein Hütchen"]
HOW = {"prediction": "x0", "steps": 3}


@pytest.fixture(scope="module")
def sampler():
    """One that has learned nothing, with a text encoder large enough to matter."""
    keras.utils.set_random_seed(0)
    tokenizer = models.CLIPTokenizer.learn(CAPTIONS, length=12)
    encoder = models.clip_text(
        models.CLIPTextConfig(len(tokenizer), 8, 1, 2, hidden=8, positions=12, end=tokenizer.end)
    )
    for weight in encoder.weights:
        weight.assign(keras.random.normal(weight.shape, seed=1))
    unet = models.unet_2d_condition(
        models.UNet2DConditionConfig(
            1, 1, sample_size=4, widths=(8,), depth=1, down=("cross",), up=("cross",), middle=None, heads=2,
            context_width=8, groups=4,
        )
    )  # fmt: skip
    network = models.CaptionedUNet(unet, encoder)
    return CaptionSampler(network, (4, 4, 1), NoiseSchedule("cosine"), tokenizer=tokenizer, classes=CAPTIONS, **HOW)


def test_captions_are_read(sampler):
    images = sampler.sample(4, seed=1)
    assert (images.shape, images.dtype) == ((4, 4, 4, 1), np.uint8)
    np.testing.assert_array_equal(sampler.draw(4, 1, captions=CAPTIONS), images)  # each caption in turn
    np.testing.assert_array_equal(sampler.draw(2, 1, captions=CAPTIONS[:1])[:1], images[:1])
    np.testing.assert_array_equal(sampler.draw(1, 1, [0]), images[:1])
    other = sampler.draw(1, 1, captions=["a white square"])
    assert (other != images[:1]).any()
    empty = sampler.draw(1, 1, captions=[""])
    np.testing.assert_array_equal(sampler.draw(1, 1, captions=["a white square"], guidance=0.0), empty)
    assert (sampler.draw(1, 1, captions=["a white square"], guidance=4.0) != other).any()


def test_the_file_draws_the_same(sampler, tmp_path):
    sampler.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.class_names == tuple(CAPTIONS)
    words = ["ein weißes Hütchen", "square"]
    np.testing.assert_array_equal(again.draw(3, 2, captions=words), sampler.draw(3, 2, captions=words))


def test_refuses(sampler):
    with pytest.raises(UsageError, match="labels or captions"):
        sampler.draw(1, 0, [0], captions=["a"])
    with pytest.raises(UsageError, match="labels or captions"):
        sampler.draw(1, 0, captions=[])
    with pytest.raises(UsageError, match="needs captions"):
        CaptionSampler(
            sampler.network, (4, 4, 1), NoiseSchedule("cosine"), tokenizer=sampler.tokenizer, classes=[], **HOW
        )


def test_captions_that_were_never_hidden_cannot_guide(sampler, tmp_path):
    given = (sampler.network, (4, 4, 1), NoiseSchedule("cosine"))
    CaptionSampler(*given, tokenizer=sampler.tokenizer, classes=CAPTIONS, hidden=False, **HOW).save(
        tmp_path / "m.keras"
    )
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.null is None
    np.testing.assert_array_equal(again.draw(2, 1, captions=CAPTIONS), sampler.draw(2, 1, captions=CAPTIONS))
    with pytest.raises(UsageError, match=r"guidance=2.0 needs .*Train with classes of which a share is hidden"):
        again.draw(1, 1, captions=CAPTIONS, guidance=2.0)
    with pytest.raises(UsageError, match="guidance=3"):
        CaptionSampler(*given, tokenizer=sampler.tokenizer, classes=CAPTIONS, hidden=False, guidance=3.0, **HOW)
    config = sampler.get_config()
    del config["hidden"]  # as files from before have it
    assert CaptionSampler.from_config(config).null == sampler.null
