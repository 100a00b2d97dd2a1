"""Draw what stands on the pages of the classification models: ``KERAS_BACKEND=torch python docs/model_pictures.py``."""

from pathlib import Path

from PIL import Image

from kerasarch import models
from kerasarch.inspection import layer_costs
from kerasarch.runs.cost_plot import write_cost_plot

FOLDER = Path(__file__).with_name("assets") / "models"
SHOWN = {
    "alexnet": ("alexnet", (224, 224, 3)),
    "convnext": ("convnext_tiny", (224, 224, 3)),
    "deit": ("deit_small_patch16", (224, 224, 3)),
    "densenet": ("densenet121", (224, 224, 3)),
    "efficientnet": ("efficientnet_b0", (224, 224, 3)),
    "lenet": ("lenet5", (28, 28, 1)),
    "mobilenet_v2": ("mobilenet_v2", (224, 224, 3)),
    "plain": ("cnn", (32, 32, 3)),
    "resnet": ("resnet50", (224, 224, 3)),
    "vgg": ("vgg16", (224, 224, 3)),
    "vit": ("vit_base_patch16", (224, 224, 3)),
}
"""Page, variant and size."""


def main() -> None:
    """Write one PNG file a page, of few colours so that they stay small."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for page, (variant, size) in SHOWN.items():
        path = FOLDER / f"{page}.png"
        write_cost_plot(layer_costs(models.build(variant, input_shape=size), size, blocks=True), path)
        with Image.open(path) as picture:
            small = picture.convert("RGB").quantize(48)
        small.save(path, optimize=True)


if __name__ == "__main__":
    main()
