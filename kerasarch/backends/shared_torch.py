"""Operations of a record on PyTorch that give the same as an earlier one: done once."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import fx

SMALL = 1024
"""Numbers of a constant up to which it is compared."""


def share(module: fx.GraphModule) -> fx.GraphModule:
    """Let equal operations on equal tensors be done once, such as the mask that each layer makes for itself.

    What an operation may write to, and all that is computed from it, stays as it is; so do random numbers.

    Args:
        module: A record of operations; it is changed.

    Returns:
        The same object.
    """
    changing = _changing(module.graph.nodes)
    known: dict[str, fx.Node] = {}
    for node in module.graph.nodes:
        told = None if node in changing else _told(module, node)
        twin = node if told is None else known.setdefault(told, node)
        if twin is not node:
            node.replace_all_uses_with(twin)
            module.graph.erase_node(node)
    module.recompile()
    return module


def _told(module: fx.GraphModule, node: fx.Node) -> str | None:
    """Return what tells what a node gives, None where another one like it may give something else."""
    if node.op == "call_function" and not _random(node.target):
        return repr((str(node.target), node.args, node.kwargs))
    if node.op == "get_attr":
        value = getattr(module, str(node.target))
        if not isinstance(value, torch.nn.Parameter) and value.numel() <= SMALL:
            return repr((value.dtype, value.device, value.shape, value.tolist()))
    return None


def _changing(nodes: Iterable[fx.Node]) -> set[fx.Node]:
    """Return what is written to, and all that is computed from it."""
    found: set[fx.Node] = set()
    for node in nodes:
        for written in _written(node):
            waiting = [written]
            while waiting:  # a view is written to with what it is a view of
                one = waiting.pop()
                if one not in found:
                    found.add(one)
                    waiting += one.all_input_nodes if _is_view(one) else []
    for node in nodes:  # in the order of the record
        if any(one in found for one in node.all_input_nodes):
            found.add(node)
    return found


def _is_view(node: fx.Node) -> bool:
    """Whether an operation may give memory that it was given."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return node.op == "call_function"  # such as an entry of a list of views
    return node.target is torch.ops.aten._unsafe_view.default or any(one.alias_info for one in schema.returns)


def _written(node: fx.Node) -> list[fx.Node]:
    """Return the arguments that an operation writes to."""
    schema = getattr(node.target, "_schema", None)
    if node.op != "call_function" or schema is None or not schema.is_mutable:
        return []
    names = [argument.name for argument in schema.arguments if argument.alias_info and argument.alias_info.is_write]
    given: dict[str, Any] = dict(zip([argument.name for argument in schema.arguments], node.args, strict=False))
    written = {**given, **node.kwargs}
    return [one for name in names for one in _nodes(written.get(name))]


def _nodes(value: Any) -> list[fx.Node]:
    if isinstance(value, (list, tuple)):
        return [node for one in value for node in _nodes(one)]
    return [value] if isinstance(value, fx.Node) else []


def _random(target: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())
