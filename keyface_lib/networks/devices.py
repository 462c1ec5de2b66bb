"""What networks compute in on a device, and how their weights get there."""

import logging

import torch
from torch import nn

from ..method.batching import memory_for

_log = logging.getLogger(__name__)


def network_dtype(device: torch.device) -> torch.dtype:
    """The type networks compute in unless told otherwise: half precision as the device itself computes it.

    NVIDIA's cards emulate bfloat16 before compute capability 8.0, and Apple's first chips have none: float16
    there, in which SVD and the networks made from it were released. The CPU computes in float32.
    """
    if device.type == "cpu":
        return torch.float32
    if device.type == "cuda":
        native = torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if native else torch.float16
    return torch.float16


def vae_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type the autoencoder computes in beside networks of `dtype`.

    Its activations overflow float16 (diffusers' `force_upcast`); bfloat16 has float32's range.
    """
    return torch.float32 if dtype == torch.float16 else dtype


class HostWeights:
    """The weights of a module in host memory, where they stay: a device gets copies and throws them away.

    They must not change while the module is on the device.
    """

    def __init__(self, module: nn.Module, name: str, pinned: bool = False):
        """Takes over a module in host memory.

        Args:
            name: of the module, in messages.
            pinned: lock the memory, from where a card copies several times as fast, as far as it can be had.
        """
        self.name = name
        self.on_device = False
        tables = [table for part in module.modules() for table in (part._parameters, part._buffers)]
        self._places = [
            (table, key) for table in tables for key, tensor in table.items() if tensor is not None
        ]
        if pinned:
            self._put(_pinned)
        self._host = [table[key] for table, key in self._places]

    @property
    def nbytes(self) -> int:
        return sum({id(tensor): tensor.nbytes for tensor in self._host}.values())

    def load(self, device: torch.device) -> None:
        """Copies the weights to a device.

        Raises:
            DoesNotFitError: they do not fit there; all of them are then in host memory.
        """
        if self.on_device:
            return
        with memory_for(f"{self.name} ({self.nbytes / 2**30:.1f} GB of weights)"):
            self._put(lambda tensor: tensor.to(device, non_blocking=tensor.is_pinned()))
        self.on_device = True

    def unload(self) -> None:
        """Puts the weights in host memory back into their places; nothing is copied."""
        if self.on_device:
            for (table, key), tensor in zip(self._places, self._host, strict=True):
                table[key] = tensor
        self.on_device = False

    def _put(self, change) -> None:
        """Puts changed weights into all places, or, where changing one fails, into none."""
        changed = {}
        # Not as tensors of inference mode, whichever the caller is in: those could not be trained any more.
        with torch.inference_mode(False), torch.no_grad():
            for table, key in self._places:
                tensor = table[key]
                if id(tensor) not in changed:
                    moved = change(tensor.detach())
                    is_parameter = isinstance(tensor, nn.Parameter)
                    changed[id(tensor)] = nn.Parameter(moved, tensor.requires_grad) if is_parameter else moved
        for table, key in self._places:
            table[key] = changed[id(table[key])]


def _pinned(tensor: torch.Tensor) -> torch.Tensor:
    try:
        return tensor.pin_memory()
    except RuntimeError as error:  # the system allows no more of it
        _log.debug("weights stay in ordinary memory: %s", error)
        return tensor
