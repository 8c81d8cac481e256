"""Watches that work stays on its device: nothing waits for the host, nothing leaves, nothing becomes float64."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# A number read by the host, or a size that only the numbers tell: either makes the device's queue run empty first.
WAITING = ("_local_scalar_dense", "nonzero", "unique", "_unique", "masked_select", "equal")


class OnDevice(TorchDispatchMode):
    """Fails an assertion on what tensors of this kind of device must not be used for; host tensors are left alone.

    `meta`, whose tensors have no numbers, itself refuses copies to the host; `cpu` cannot show them.
    """

    def __init__(self, kind: str = "cpu") -> None:
        super().__init__()
        self.kind = kind

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        given = self._resident(args, kwargs)
        name = function.overloadpacket.__name__
        waits = name.startswith(WAITING) or _chooses_by_numbers(name, args)
        assert not (given and waits), f"{name} waits for the device"
        made = function(*args, **(kwargs or {}))
        resident = self._resident(made)
        assert not (given and len(resident) < len(_tensors(made))), f"{name} leaves the device"
        assert torch.float64 not in {tensor.dtype for tensor in resident}, f"{name} makes float64"
        return made

    def _resident(self, *values: Any) -> list[Tensor]:
        return [tensor for tensor in _tensors(values) if tensor.device.type == self.kind]


def _chooses_by_numbers(name: str, args: tuple) -> bool:
    """Indexing with booleans, which has no fixed size; one number written where they are true needs none."""
    fills = name.startswith("index_put") and args[2].numel() == 1
    by_booleans = name.startswith("index") and any(tensor.dtype == torch.bool for tensor in _tensors(args[1]))
    return by_booleans and not fills


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]
