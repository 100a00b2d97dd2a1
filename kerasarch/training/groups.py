"""Layer groups: the parts of a model that are frozen, opened and given learning rates together."""

import dataclasses
import fnmatch
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence

import keras

from kerasarch.errors import UsageError
from kerasarch.models.network import Network

# `bn_Conv1` belongs to `Conv1`: in these names the kind of layer stands in front.
_KIND_FIRST = re.compile(r"^(?:bn|relu|act|pad|drop)_(?=.)")
# `block_3_expand` belongs to `block_3`, `Conv_1_bn` to `Conv_1`.
_NUMBERED = re.compile(r"^[A-Za-z]+_\d+(?=_|$)")


@dataclasses.dataclass(frozen=True, eq=False)
class LayerGroup:
    """Layers that are frozen and opened together.

    Args:
        name: The group's name, unique in its model.
        layers: Its layers in the order of the model, those without weights included.
    """

    name: str
    layers: tuple[keras.layers.Layer, ...]

    @property
    def variables(self) -> list[keras.Variable]:
        """Variables that the group would train if it were open, whether or not it is."""
        return unique(
            variable
            for top in self.layers
            for layer in flatten(top)
            for variable in layer._trainable_variables  # `trainable_variables` is empty while the layer is frozen
        )


def layer_groups(model: keras.Model, groups: Mapping[str, str | Sequence[str]] | None = None) -> list[LayerGroup]:
    """Splits a model into groups of layers, from the input upward.

    A layer's group is the part of its name before the first underscore (``stage1_block1`` is in ``stage1``), which also
    fits most of keras.applications (``conv2_block1_1_conv``: ``conv2``); ``block_3_expand`` is in ``block_3``. A layer
    with a name that Keras made up (``conv2d_57``) belongs to the next layer above it that has a name of its own, and so
    do layers without weights, such as the dropout in front of the head. Models inside a model are looked into.
    For a subclassed model the layers are those it holds as attributes, in the order of their creation, unless it says
    itself which belong together: by ``groups_upward()``, as text encoders do.

    Args:
        model: Any built Keras model: functional, sequential or subclassed.
        groups: Groups by shell patterns of layer names, from the input upward, for instance
            ``{"body": ["conv*", "block*"], "head": "predictions"}``. Default: by name, as above.

    Returns:
        Groups from the input upward; the last is the head. Each has at least one trainable variable.

    Raises:
        UsageError: The model has no weights yet, or a pattern fits no layer, or a layer with weights fits none or two.
    """
    layers = top_layers(model)
    if not any(layer.weights for layer in layers):
        raise UsageError(
            f"Received model {model.name!r} without weights, expected a built one. Call it once on a batch of data."
        )
    members: dict[str, list[keras.layers.Layer]] = {}
    if not groups and hasattr(model, "groups_upward"):
        members = model.groups_upward()
    else:
        keys = _keys_by_pattern(layers, groups) if groups else _keys_by_name(layers)
        for layer, key in zip(layers, keys, strict=True):
            members.setdefault(key, []).append(layer)
    found = [LayerGroup(name, tuple(group)) for name, group in members.items()]
    return [group for group in found if group.variables]


def matching(groups: Sequence[LayerGroup], patterns: Iterable[str]) -> tuple[list[LayerGroup], list[str]]:
    """Splits groups so that each is wholly inside or outside the patterns, and names those inside.

    Args:
        groups: Groups from the input upward.
        patterns: Shell patterns of group names or layer names (``stage4``, ``*_bn``).

    Returns:
        The groups, where one that fits in part is split into ``name`` (what fits) and ``name/rest``; the names of
        the groups that fit.

    Raises:
        UsageError: A pattern fits nothing.
    """
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    for pattern in patterns:
        names = [name for group in groups for name in (group.name, *(layer.name for layer in group.layers))]
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            raise UsageError(
                f"Received pattern {pattern!r}, which fits no layer group and no layer. Expected a shell pattern; "
                f"the groups are {', '.join(group.name for group in groups)}."
            )
    result, inside = [], []
    for group in groups:
        fits = [layer for layer in group.layers if _fits((group.name, layer.name), patterns)]
        rest = [layer for layer in group.layers if not _fits((group.name, layer.name), patterns)]
        selected = LayerGroup(group.name if fits else "", tuple(fits))
        others = LayerGroup(f"{group.name}/rest" if selected.variables else group.name, tuple(rest))
        if selected.variables:
            inside.append(group.name)
            result.extend([others, selected] if others.variables else [LayerGroup(group.name, group.layers)])
        else:
            result.append(group)
    return result, inside


def merge(groups: Sequence[LayerGroup], count: int) -> list[list[LayerGroup]]:
    """Shares groups out over `count` runs of neighbours, the top group always alone.

    Args:
        groups: Groups from the input upward.
        count: Number of runs wanted, at least 1; fewer come back when there are fewer groups.

    Returns:
        Runs from the input upward. Where they cannot be of one length the upper ones are shorter, because upper
        groups are opened first and change most.
    """
    if count <= 1 or len(groups) == 1:
        return [list(groups)]
    body, head = list(groups[:-1]), groups[-1]
    runs = min(count - 1, len(body))
    bounds = [round(index * len(body) / runs) for index in range(runs + 1)]
    sizes = sorted((high - low for low, high in itertools.pairwise(bounds)), reverse=True)
    result, start = [], 0
    for size in sizes:
        result.append(body[start : start + size])
        start += size
    return [*result, [head]]


def is_graph(model: keras.layers.Layer) -> bool:
    """Whether the model is a graph of layers (functional or sequential) that its own ``call`` does not replace."""
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        return False
    if isinstance(model, Network):  # its `call` only takes the picture out of a dict
        return True
    return next(cls for cls in type(model).__mro__ if "call" in vars(cls)).__module__.startswith("keras.")


def top_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Layers of a model in its own order, looking into graphs inside it; input layers are left out."""
    found: list[keras.layers.Layer] = []
    for layer in model.layers:
        if is_graph(layer):
            found.extend(top_layers(layer))
        elif not isinstance(layer, keras.layers.InputLayer):
            found.append(layer)
    return unique(found)


def flatten(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layer and every layer inside it, parents first."""
    return list(layer._flatten_layers())


def unique(items: Iterable) -> list:
    """The items without repetitions (by identity), in order."""
    return list({id(item): item for item in items}.values())


def _fits(names: Iterable[str], patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _keys_by_pattern(layers: Sequence[keras.layers.Layer], groups: Mapping[str, str | Sequence[str]]) -> list[str]:
    patterns = {name: [given] if isinstance(given, str) else list(given) for name, given in groups.items()}
    used: set[str] = set()
    keys: list[str | None] = []
    for layer in layers:
        found = [name for name, given in patterns.items() if _fits([layer.name], given)]
        if len(found) > 1 or (not found and layer.weights):
            raise UsageError(
                f"Received groups {dict(groups)}, of which {found or 'none'} hold layer {layer.name!r}. "
                "Expected every layer with weights in exactly one group; change the patterns."
            )
        used.update(found)
        keys.append(found[0] if found else None)
    if missing := set(patterns) - used:
        raise UsageError(
            f"Received groups {sorted(missing)} that hold no layer. Expected patterns of layer names; "
            f"the layers are {', '.join(layer.name for layer in layers)}."
        )
    return _in_order(_join_upward(keys), list(patterns))


def _in_order(keys: list[str], order: list[str]) -> list[str]:
    """The keys unchanged, once it is certain that they first appear in the given order."""
    appeared = list(dict.fromkeys(keys))
    if appeared != order:
        raise UsageError(
            f"Received groups in the order {', '.join(order)}. Expected them from the input upward: "
            f"{', '.join(appeared)}."
        )
    return keys


def _keys_by_name(layers: Sequence[keras.layers.Layer]) -> list[str]:
    own = [None if _made_up(layer) else _prefix(layer.name) for layer in layers]
    if not any(own):  # nobody named anything: every layer with weights is a group
        return _join_upward([layer.name if layer.weights else None for layer in layers])
    keys = _join_upward(own)
    weighted = {key for layer, key in zip(layers, keys, strict=True) if layer.weights}
    return _join_upward([key if key in weighted else None for key in keys])


def _join_upward(keys: Sequence[str | None]) -> list[str]:
    """Gives each None the next key above it, or else the last one below it."""
    joined, following = [], None
    for key in reversed(keys):
        following = key or following
        joined.append(following)
    joined.reverse()
    last = next(key for key in reversed(keys) if key)
    return [key or last for key in joined]


def _prefix(name: str) -> str:
    name = _KIND_FIRST.sub("", name)
    numbered = _NUMBERED.match(name)
    return numbered.group() if numbered else name.split("_")[0]


def _made_up(layer: keras.layers.Layer) -> bool:
    """Whether the layer's name is the one Keras gives by itself: the class in snake case and a number."""
    snake = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", type(layer).__name__)
    snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", snake).lower()
    return re.fullmatch(re.escape(snake) + r"(_\d+)?", layer.name) is not None
