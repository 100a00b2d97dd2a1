"""What is drawn of a classifier's answers, before it is drawn."""

import numpy as np
import pytest

from kerasarch import models
from kerasarch.errors import UsageError
from kerasarch.inspection import patch_attention
from kerasarch.runs.classifier import classifier_of
from kerasarch.runs.explanations import check_used, explain, write_sheet
from tests import conformance

pytestmark = conformance.QUIET


@pytest.fixture(scope="module")
def transformer():
    """For pictures of any size; its positions are those of 2 x 2 patches, its pictures have 14 x 14."""
    config = models.ViTConfig(patch=16, width=20, depth=2, heads=10, image_size=(32, 32))
    model = models.vit(config, classes=3, input_shape=(None, None, 3))
    conformance.randomise(model)
    return classifier_of(model)


def test_attention_is_rolled_out_and_shown_head_by_head(transformer, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    answer = explain(transformer, image, "attention", 0, None)
    expected = patch_attention(transformer.model, image[None].astype("float32"))
    assert (answer.heat.shape, answer.heat.max()) == ((224, 224), 1.0)
    assert [name for name, _ in answer.lines] == ["stage2_block", ""]
    titles = [title for _, maps in answer.lines for title, _ in maps]
    assert titles == [f"head {number}" for number in range(1, 11)]
    shown = np.stack([found for _, maps in answer.lines for _, found in maps])
    np.testing.assert_allclose(shown, expected.heads[0], atol=1e-6)
    write_sheet(tmp_path / "sheet.png", image, "one 50%", [answer])
    assert (tmp_path / "sheet.png").stat().st_size > 10_000


def test_a_class_or_a_layer_that_nothing_asks_for():
    check_used(("attention", "occlusion"), "cat", None)
    check_used(("occlusion", "features"), "cat", "stage1_block1")
    for methods, label, layer, text in (
        (("attention",), "cat", None, "--label: received 'cat', of which there is no use in attention"),
        (("attention", "features"), "cat", None, "--method grad-cam or occlusion"),
        (("attention", "occlusion"), None, "stage1_block", "--layer: .*'stage1_block'.* attention, occlusion"),
    ):
        with pytest.raises(UsageError, match=text):
            check_used(methods, label, layer)
