"""A model trained in stages is saved, loaded and trained on, whatever was frozen at the end."""

import keras
import numpy as np
import pytest

from kerasarch import models, training


@pytest.mark.parametrize(
    "arguments",
    [
        {"strategy": "extract"},
        {"strategy": "selective", "patterns": ["stage2"], "batch_norm": "frozen"},
        {"strategy": "gradual", "max_stages": 2, "keep_frozen": ["stage1_block1"]},
    ],
    ids=lambda arguments: arguments["strategy"],
)
def test_saved_model_loads_with_its_optimizer_and_what_was_frozen(tmp_path, arguments):
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 8, 8, 1), dtype="float32") * 255, np.arange(20) % 4
    config = models.ResNetConfig(block="basic", stem="small", stem_width=4, depths=(1, 1), widths=(4, 8))
    network = models.resnet(config, classes=5, input_shape=(8, 8, 1))
    model = models.accept_raw_pixels(models.replace_head(network, 4, seed=0))
    training.GradualUnfreezing(model, epochs=1, verbose=0, **arguments).fit((x, y))

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")

    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
    assert [v.path for v in loaded.trainable_variables] == [v.path for v in model.trainable_variables]
    for ours, theirs in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs))
    frozen = {v.path: np.array(keras.ops.convert_to_numpy(v)) for v in loaded.non_trainable_weights}
    loaded.fit(x, y, epochs=1, verbose=0)
    still = [v for v in loaded.non_trainable_weights if "moving" not in v.path]
    assert still
    for variable in still:
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), frozen[variable.path])
