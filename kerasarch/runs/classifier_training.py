"""Training networks for one set of pictures: sizes one after the other, watched, stopped early, averaged."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from kerasarch import backends
from kerasarch.backends.seeding import set_random_seed
from kerasarch.data import Augmentation, Batches, ImageSource, batches
from kerasarch.errors import UsageError
from kerasarch.training.classification import balanced_weights, make_optimizer
from kerasarch.training.classification_options import ClassificationOptions
from kerasarch.training.early_stopping import EarlyStopping
from kerasarch.training.objective import Accuracy, SmoothedCrossentropy
from kerasarch.training.weight_averages import ValidateAverages

CHANGES = Augmentation(rotation=10, scale=(0.9, 1.1), shift=0.1, brightness=0.2, contrast=0.2)
"""What ``augment`` does to training pictures: it leaves letters, digits and photos what they are."""

Make = Callable[[tuple[int | None, int | None, int]], keras.Model]


@dataclasses.dataclass(frozen=True)
class ClassifierTraining:
    """How networks for one set of pictures are trained; each has a seed of its own.

    Args:
        run: The run, whose ``fit`` makes every phase resumable.
        make: Makes a network with fresh weights that takes raw pixels, for pictures of the shape it is given: height,
            width (both None where training uses several sizes) and channels. It gives logits.
        options: The options.
        size: Height and width with which training ends.
        channels: Of the pictures.
    """

    run: Any
    make: Make
    options: ClassificationOptions
    size: tuple[int, int]
    channels: int

    def train(self, train: ImageSource, validation: ImageSource | None, *, phase: str, seed: int) -> keras.Model:
        """Train a network.

        Args:
            train: Pictures to learn from.
            validation: Pictures to watch, and to stop by where there is a patience; or None.
            phase: Name of its phase, or of its phases' part where it has several sizes.
            seed: Seed of its weights, of the order of the pictures and of all that is random.

        Returns:
            The network for pictures of the final size, with the averages of its weights where they are asked for.
        """
        options = self.options
        set_random_seed(seed)
        flexible = len(options.sizes) > 1
        model = self.make((None, None, self.channels) if flexible else (*self.size, self.channels))
        sizes = [(side, side) for side in options.sizes] or [self.size]
        done = 0
        for number, (size, epochs) in enumerate(zip(sizes, options.schedule(), strict=True)):
            data = self.batches(train, size, seed=seed, training=True)
            if number == 0:
                self._compile(model, data)
            data.restore({**data.state(), "epoch": done})  # each epoch has an order of its own, over all sizes
            watched = self.batches(validation, size) if validation is not None else None
            name = f"{phase}/{size[0]}x{size[1]}" if flexible else phase
            self.run.fit(name, model, data, epochs=epochs, validation_data=watched, callbacks=self._callbacks(watched))
            done += epochs
        if not flexible:
            return model
        final = self.make((*self.size, self.channels))
        final.set_weights(model.get_weights())
        return final

    def batches(
        self, source: ImageSource, size: tuple[int, int] | None = None, *, seed: int = 0, training: bool = False
    ) -> Batches:
        """Batches of a source, shuffled and changed at random for training, else as they are and in their order."""
        options = self.options
        shape: dict[str, Any] = {"size": size or self.size, "channels": self.channels, "workers": options.workers}
        if not training:
            return batches(source, batch=max(64, options.batch), shuffle=False, **shape)
        augmentation = dataclasses.replace(
            CHANGES if options.augment else Augmentation(),
            flip=options.mirror,
            mixup=options.mixup,
            cutmix=options.cutmix,
        )
        return batches(
            source,
            batch=options.batch,
            labels="one_hot" if augmentation.mixes else "int",
            augment=augmentation,
            seed=seed,
            drop_remainder=len(source) >= options.batch,  # one shape a step: JAX compiles once
            **shape,
        )

    def _compile(self, model: keras.Model, data: Batches) -> None:
        options = self.options
        weights = balanced_weights(data.labels, len(data.source.classes))
        model.compile(
            make_optimizer(model, options, data.steps),
            SmoothedCrossentropy(
                options.label_smoothing,
                from_logits=True,
                class_weights=weights if options.class_weights == "balanced" else None,
            ),
            metrics=[Accuracy()],
            jit_compile=backends.jit_long_training(),
        )

    def _callbacks(self, validation: Batches | None) -> list[keras.callbacks.Callback]:
        found: list[keras.callbacks.Callback] = []
        if self.options.average and validation is not None:
            found.append(ValidateAverages())
        if self.options.patience:
            if validation is None:
                raise UsageError("--patience needs validation images to stop by. Received none.")
            found.append(EarlyStopping(patience=self.options.patience))
        return found
