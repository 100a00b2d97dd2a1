"""Fine-tuning Stable Diffusion on captioned pictures by low-rank adapters."""

import dataclasses
from typing import Any

import numpy as np

from kerasarch.errors import UsageError
from kerasarch.recipe import Run

AT_ONCE = 8
"""Pictures that are encoded at a time."""


@dataclasses.dataclass(frozen=True)
class AdapterOptions:
    """How adapters are trained.

    Attributes:
        rank: Of the adapters; those that the network has keep theirs.
        epochs: Epochs of training.
        batch: Pictures a batch.
        learning_rate: AdamW's.
        drop: Share of the captions that are hidden.
    """

    rank: int
    epochs: int
    batch: int
    learning_rate: float
    drop: float


def load_examples(run: Run, model: Any, data: str, size: tuple[int, int]) -> Any:
    """Load captioned pictures for adapters to learn from, once the network is known to be one that they can be for.

    Args:
        run: The run.
        model: The parts of Stable Diffusion.
        data: Folder of captioned pictures.
        size: Height and width that pictures are brought to.

    Returns:
        A `kerasarch.data.captions.CaptionedPictures`.

    Raises:
        UsageError: The U-Net is made for filling in, or for a flow; or there is no such folder.
        DataError: There are no captions, or no readable pictures.
    """
    from kerasarch.data import load_captioned
    from kerasarch.generation import read_scheduler

    if model.extra or read_scheduler(model.scheduler).schedule is None:
        raise UsageError("Adapters are trained for U-Nets that draw by a noise schedule from texts alone.")
    pictures = load_captioned(data, size)
    run.say(f"{len(pictures.captions)} pictures with captions")
    return pictures


def train_adapters(run: Run, model: Any, pictures: Any, options: AdapterOptions) -> dict[str, float]:
    """Train adapters of the U-Net, which keeps them; write them to ``adapters/``.

    Pictures and captions are encoded once; the U-Net's loss is that of its own training: Ho et al., 2020, eq. 14
    (https://arxiv.org/abs/2006.11239), for what the folder's scheduler says that it predicts.

    Args:
        run: The run.
        model: The parts of Stable Diffusion; the U-Net is changed.
        pictures: What they learn from, as `load_examples` returns it.
        options: How.

    Returns:
        ``loss`` of the last epoch, and ``trained_share``, the adapters' share of the parameters.
    """
    import keras

    from kerasarch import models, weights
    from kerasarch.generation import read_scheduler
    from kerasarch.models.adapters import adaptable
    from kerasarch.training import ArrayBatches, Diffusion

    scheduler, size = read_scheduler(model.scheduler), pictures.images.shape[1:3]
    latents = _in_parts(model.encode_pictures, pictures.images)
    count = len(pictures.captions)
    told = _conditions(model, pictures.captions, size)
    null = models.PackedConditions.pack(model.conditions([""], 1, size))[0]
    network = models.PackedConditions(model.unet, [part.shape[1:] for part in model.conditions([""], 1, size)])
    known = sum(layer.lora_enabled for layer in adaptable(model.unet))
    if known:
        run.say(f"training goes on from the adapters of {known} weights, which keep their rank")
    sizes = models.add_adapters(model.unet, options.rank, seed=run.seed)
    run.say(f"{sizes['trained']:,} of {sizes['all']:,} parameters train")
    learner = Diffusion(
        network, scheduler.schedule, prediction=scheduler.prediction, gamma=None, null=null, drop=options.drop,
        seed=run.seed,
    )  # fmt: skip
    learner.compile(keras.optimizers.AdamW(options.learning_rate, weight_decay=1e-2))
    data = ArrayBatches(latents, told, batch=min(options.batch, count), seed=run.seed, drop_remainder=True)
    given = [weight for weight in model.unet.weights if not weight.trainable]  # Gigabytes, which the folder has
    history = run.fit("adapters", learner, data, epochs=options.epochs, loaded=given)
    file = weights.write_adapters(model.unet, run.dir / "adapters")
    run.say(f"adapters written to {file}")
    return {"loss": float(history["loss"][-1]), "trained_share": sizes["trained"] / sizes["all"]}


def _conditions(model: Any, captions: tuple[str, ...], size: tuple[int, int]) -> np.ndarray:
    from kerasarch.models import PackedConditions

    def encode(texts: list[str]) -> np.ndarray:
        return PackedConditions.pack(model.conditions(texts, len(texts), size))

    return _in_parts(encode, list(captions))


def _in_parts(encode: Any, examples: Any) -> np.ndarray:
    """Encode some at a time; the last part is filled up, so that one compiled function serves all."""
    count = len(examples)
    parts = []
    for start in range(0, count, AT_ONCE):
        rows = [index % count for index in range(start, start + AT_ONCE)]
        chosen = [examples[row] for row in rows]
        parts.append(encode(np.stack(chosen) if isinstance(examples, np.ndarray) else chosen))
    return np.concatenate(parts)[:count]
