"""Freezing groups of layers and opening them again."""

import fnmatch
from collections.abc import Collection, Sequence

import keras

from kerasarch.training.groups import LayerGroup, flatten, top_layers


class Freezer:
    """Sets which groups of a model learn, and can put everything back as it was.

    A frozen layer is not trainable, which in Keras also puts BatchNormalization in inference mode, and its noise is
    off: dropout and its relatives have rate 0, as features that nothing adapts to should not flicker. Compile the
    model after each change: Keras fixes what is trainable when it compiles the training step.

    Args:
        model: The model.
        groups: Its groups.
        keep_frozen: Shell patterns of layer names (of inner layers too) that stay frozen in an open group.
        batch_norm: ``"open"``: BatchNormalization learns with its group; ``"frozen"``: never.
    """

    # Layers that disturb their input in training say how much by one of these.
    _NOISE = ("rate", "stddev")

    def __init__(
        self,
        model: keras.Model,
        groups: Sequence[LayerGroup],
        *,
        keep_frozen: Sequence[str] = (),
        batch_norm: str = "open",
    ):
        self.model, self.groups = model, list(groups)
        self.keep_frozen, self.batch_norm = tuple(keep_frozen), batch_norm
        layers = flatten(model)
        grouped = {id(layer) for group in self.groups for layer in group.layers}
        # Layers with nothing to train (Normalization): frozen, so that no statistics move and the cache may lie above.
        self._others = [layer for layer in top_layers(model) if id(layer) not in grouped]
        self._flags = [(layer, layer.trainable) for layer in layers]
        self._variable_flags = [(variable, variable.trainable) for variable in model.variables]
        self._noise = [
            (layer, attribute, getattr(layer, attribute))
            for layer in layers
            if layer._seed_generators
            for attribute in self._NOISE
            if isinstance(getattr(layer, attribute, None), int | float)
        ]

    def open(self, names: Collection[str]) -> None:
        """Opens the groups of these names and freezes all others."""
        self.model.trainable = True  # parents first: setting a parent sets its children
        for layer in self._others:
            layer.trainable = False
        awake = set()
        for group in self.groups:
            for top in group.layers:
                top.trainable = group.name in names
                for layer in flatten(top):
                    if group.name in names and not self._stays_frozen(layer):
                        awake.add(id(layer))
        for group in self.groups:
            if group.name in names:
                for layer in (inner for top in group.layers for inner in flatten(top)):
                    if self._stays_frozen(layer):
                        layer.trainable = False
        for layer, attribute, value in self._noise:
            setattr(layer, attribute, value if id(layer) in awake else type(value)(0))

    def restore(self) -> None:
        """Puts trainable flags and noise back to what they were when this object was made."""
        for layer, flag in self._flags:
            layer.trainable = flag
        for variable, flag in self._variable_flags:
            variable.trainable = flag
        self.restore_noise()

    def restore_noise(self) -> None:
        """Puts dropout rates back, so that a saved model has them."""
        for layer, attribute, value in self._noise:
            setattr(layer, attribute, value)

    def _stays_frozen(self, layer: keras.layers.Layer) -> bool:
        if self.batch_norm == "frozen" and isinstance(layer, keras.layers.BatchNormalization):
            return True
        return any(fnmatch.fnmatchcase(layer.name, pattern) for pattern in self.keep_frozen)
