"""Products of a record on PyTorch with weights that are brought into the processor's order once, not in each call.

MKL computes a product of some rows and a matrix in blocks, and brings the matrix into their order first. With weights
that stay, this is a quarter to a third of the time; one row is multiplied without it.
"""

from typing import Any

import torch
from torch import fx

LEAST = 2**18
"""Numbers of a matrix from which this pays."""
MOST = 2**30
"""Numbers of all matrices of a record up to which they are held once more, for each number of rows: 4 GiB."""
SIDE = 16
"""Rows and columns of the numbers that are looked at to tell whether a weight has changed."""
VIEWS = (torch.ops.aten.t.default, torch.ops.aten.permute.default, torch.ops.aten.transpose.int)


class Packed:
    """A weight in the order in which MKL multiplies by it.

    Args:
        weight: Its tensor or a view of it: ``(in, out)``.
        rows: Rows that it is multiplied by.
    """

    def __init__(self, weight: torch.Tensor, rows: int):
        self.weight, self.rows = weight, rows
        self.sample = weight[:: -(-weight.shape[0] // SIDE), :: -(-weight.shape[1] // SIDE)]
        self.known: Any = None
        self.tensor: Any = None
        self.refresh()

    def refresh(self) -> None:
        """Pack the weight again if it has changed.

        PyTorch counts what is written to a tensor, but for its fused optimizers, which change all of it.
        """
        known = self.known
        if known is None or self.weight._version != known[0] or not torch.equal(self.sample, known[1]):
            self.known = self.weight._version, self.sample.clone()
            self.tensor = torch.ops.mkl._mkl_reorder_linear_weight(self.weight.t().contiguous(), self.rows)


def pack(module: fx.GraphModule, known: dict[Any, Packed]) -> list[Packed]:
    """Let a record multiply by packed weights, which it takes as further inputs behind its own.

    Args:
        module: A record of operations that change no weights; it is changed.
        known: What other records have packed, which is used again and added to.

    Returns:
        The weights, in the order of the inputs.
    """
    products: list[tuple[Any, torch.Tensor]] = [
        (node, weight) for node in module.graph.nodes for weight in _large_weight(module, node)
    ]
    if sum(weight.numel() for _, weight in products) > MOST:
        return []
    inputs: dict[Packed, fx.Node] = {}
    last = [node for node in module.graph.nodes if node.op == "placeholder"][-1]
    for node, weight in products:
        rows = node.args[0].meta["tensor_meta"].shape[0]
        key = weight.data_ptr(), weight.shape, weight.stride(), rows
        if key not in known:
            known[key] = Packed(weight, rows)
        one = known[key]
        if one not in inputs:
            with module.graph.inserting_after(last):
                last = inputs[one] = module.graph.placeholder(f"packed_{len(inputs)}")
        with module.graph.inserting_before(node):
            turned = module.graph.call_function(torch.ops.aten.t.default, (node.args[1],))
            given = (node.args[0], inputs[one], turned, None, rows)
            product = module.graph.call_function(torch.ops.mkl._mkl_linear.default, given)
            product.meta = dict(node.meta)
        node.replace_all_uses_with(product)
        module.graph.erase_node(node)
    module.recompile()
    return list(inputs)


def _large_weight(module: fx.GraphModule, node: Any) -> list[torch.Tensor]:
    """Return the weight that some rows are multiplied by, where it is one that MKL packs."""
    if node.target is not torch.ops.aten.mm.default or not torch.backends.mkl.is_available():
        return []
    left, weight = (_constant(module, operand) for operand in node.args)
    if left is not None or weight is None or weight.numel() < LEAST:  # adapters are products of two weights
        return []
    known = node.args[0].meta.get("tensor_meta")
    if known is None or known.shape[0] == 1 or weight.is_inference():  # what is written to those is not counted
        return []
    return [weight] if weight.device.type == "cpu" and weight.dtype == torch.float32 else []


def _constant(module: fx.GraphModule, node: Any) -> torch.Tensor | None:
    """Return the tensor that a node of a record gives each time, where it is one of the module or a view of one."""
    if node.op == "get_attr":
        return getattr(module, str(node.target)).detach()
    inner = _constant(module, node.args[0]) if node.target in VIEWS else None
    return None if inner is None else node.target(inner, *node.args[1:])
