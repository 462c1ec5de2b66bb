"""A card that is not there: torch's meta device, as strict as a real one. Run in the host's own Python.

Tensors on it have no values; what is read from it is zeros, or 1 for a single number. As on a card, tensors
of two devices do not meet in one operation, nor two precisions in a matrix product.
"""

from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CARD = torch.device("meta")
_COPIES = ("_to_copy", "copy_", "lift_fresh", "set_", "_has_compatible_shallow_copy_type")
_PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "linear", "matmul", "convolution", "scaled_dot_product")


class Card(TorchDispatchMode):
    """While it is entered, operations on the card behave as on a real one."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = operation.overloadpacket.__name__
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if name == "_local_scalar_dense" and args[0].device == CARD:
            return torch.ones((), dtype=args[0].dtype).item()
        if name == "_to_copy" and args[0].device == CARD and kwargs.get("device", CARD) != CARD:
            return torch.zeros(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        if name == "copy_" and args[0].device != CARD and args[1].device == CARD:
            return args[0].zero_()
        if name not in _COPIES:
            _refuse_mixing(name, tensors)
        return operation(*args, **kwargs)


def _refuse_mixing(name: str, tensors: list[torch.Tensor]) -> None:
    # Single numbers and indices may come from the processor.
    met = tensors[:1] if name.startswith("index") else [tensor for tensor in tensors if tensor.ndim]
    devices = {tensor.device.type for tensor in met}
    if len(devices) > 1:
        raise RuntimeError(f"{name}: tensors on {' and '.join(sorted(devices))}")
    if name.startswith(_PRODUCTS):
        dtypes = {tensor.dtype for tensor in met if tensor.is_floating_point()}
        if len(dtypes) > 1:
            raise RuntimeError(f"{name}: tensors of {' and '.join(sorted(map(str, dtypes)))}")


def allow_data_between_devices() -> None:
    """Lets `parameter.data = tensor` change the device, which torch does on real cards only."""
    plain = torch.Tensor.data

    def put(parameter: torch.nn.Parameter, data: torch.Tensor) -> None:
        if data.device == parameter.device:
            plain.__set__(parameter, data)
        else:
            torch.utils.swap_tensors(parameter, torch.nn.Parameter(data, requires_grad=False))

    torch.nn.Parameter.data = property(lambda parameter: plain.__get__(parameter), put)


def limited(load: Callable, share: float) -> Callable:
    """`ModelPatcher.partially_load` with room for a share of the weights, unless all are asked for."""

    def partially_load(patcher, device_to, extra_memory=0, force_patch_weights=False):
        everything = extra_memory >= 1e31
        room = share * patcher.model_size() - patcher.loaded_size()
        extra_memory = extra_memory if everything else min(extra_memory, max(0.1, room))
        return load(patcher, device_to, extra_memory, force_patch_weights)

    return partially_load


class AddressSpace:
    """In place of comfy_aimdo's reservation of a card's addresses."""

    def __init__(self, size: int, device: int | None):
        self.taken = 0

    def alloc(self, size: int) -> tuple:
        self.taken += size
        return self, self.taken, size

    def prioritize(self) -> None: ...

    def loaded_size(self) -> int:
        return 0

    def free_memory(self, size: int) -> int:
        return 0


class HostBuffer:
    """In place of comfy_aimdo's pinned memory: none of it is used."""

    def __init__(self, *_sizes: int):
        self.size = 0


def stub_driver() -> None:
    """Puts stand-ins where ComfyUI's dynamic memory calls the driver: no weight stays on the card."""
    import comfy_aimdo.host_buffer
    import comfy_aimdo.model_vbar

    comfy_aimdo.host_buffer.HostBuffer = HostBuffer
    comfy_aimdo.model_vbar.ModelVBAR = AddressSpace
    comfy_aimdo.model_vbar.vbar_fault = lambda _allocated: None
    comfy_aimdo.model_vbar.vbar_signature_compare = lambda _one, _other: False
    comfy_aimdo.model_vbar.vbar_unpin = lambda _allocated: None
    comfy_aimdo.model_vbar.vbars_analyze = lambda _device=None: 0
