"""Tensors as PyTorch's fused kernels want them: their numbers one after the other."""

import torch


def in_memory_order(weight: torch.Tensor, gradient: torch.Tensor, *moments: torch.Tensor) -> list[torch.Tensor]:
    """Return views of a weight, its gradient and its moments with the axes in the order of the weight's memory.

    Kernels lie in memory as a convolution reads them (`lay_out_kernel`); moments that do not are laid out like them.
    """
    if weight.is_contiguous():
        return [weight.detach(), gradient.contiguous(), *(moment.detach() for moment in moments)]
    order = sorted(range(weight.ndim), key=weight.stride, reverse=True)
    views = []
    for moment in moments:
        if not moment.permute(order).is_contiguous():
            moment.data = torch.empty_like(weight, dtype=moment.dtype).copy_(moment)
        views.append(moment.detach().permute(order))
    return [weight.detach().permute(order), gradient.permute(order).contiguous(), *views]


def plain(tensor: torch.Tensor) -> bool:
    """Whether a kernel for float32 on the CPU can walk through a tensor's numbers one after the other."""
    return on_cpu(tensor) and tensor.is_contiguous()


def on_cpu(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds float32 in the CPU's memory."""
    return tensor.dtype == torch.float32 and tensor.device.type == "cpu"
