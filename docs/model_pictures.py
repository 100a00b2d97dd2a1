"""Draw the costs of layers that stand on the pages of models: ``KERAS_BACKEND=torch python docs/model_pictures.py``."""

from pathlib import Path

from PIL import Image

from kerasarch.inspection import layer_costs
from kerasarch.registry import load_model_builder
from kerasarch.runs.cost_plot import write_cost_plot

FOLDER = Path(__file__).with_name("assets") / "models"
SHOWN = {
    "alexnet": ("alexnet", (224, 224, 3)),
    "clip_text": ("clip_text", None),
    "convnext": ("convnext_tiny", (224, 224, 3)),
    "decoders": ("gpt2", None),
    "deit": ("deit_small_patch16", (224, 224, 3)),
    "densenet": ("densenet121", (224, 224, 3)),
    "dit": ("dit_s_2", None),
    "efficientnet": ("efficientnet_b0", (224, 224, 3)),
    "lenet": ("lenet5", (28, 28, 1)),
    "mobilenet_v2": ("mobilenet_v2", (224, 224, 3)),
    "plain": ("cnn", (32, 32, 3)),
    "resnet": ("resnet50", (224, 224, 3)),
    "vgg": ("vgg16", (224, 224, 3)),
    "vit": ("vit_base_patch16", (224, 224, 3)),
}
"""Page, variant and size; None for the variant's own."""


def main() -> None:
    """Write one PNG file a page, of few colours so that they stay small."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for page, (variant, size) in SHOWN.items():
        path = FOLDER / f"{page}.png"
        model = load_model_builder(variant)(**({} if size is None else {"input_shape": size}))
        write_cost_plot(layer_costs(model), path)
        with Image.open(path) as picture:
            small = picture.convert("RGB").quantize(48)
        small.save(path, optimize=True)


if __name__ == "__main__":
    main()
