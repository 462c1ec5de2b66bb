"""A card that is not there: "cuda" on PyTorch's meta device, as strict as a real one about what it is given.

Nothing is computed; what comes back from it is zeros. PyTorch's own FakeTensorMode cannot index on "cuda"
where PyTorch was built without it.
"""

import weakref
from collections import Counter
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
CUDA = torch.device("cuda")
ONE_DTYPE = {
    aten.mm,
    aten.addmm,
    aten.bmm,
    aten.baddbmm,
    aten.convolution,
    aten.native_group_norm,
    aten.native_layer_norm,
    aten._scaled_dot_product_attention_math,
    aten._scaled_dot_product_flash_attention,
    aten._scaled_dot_product_efficient_attention,
    aten._scaled_dot_product_fused_attention_overrideable,
}
"""Operations whose floating tensors must all have one type on a card."""
INDEXING = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_, aten._unsafe_index}
"""Operations whose indices may stay in host memory."""


class MixedUpError(AssertionError):
    """An operation was given what a card refuses."""


class PretendCard:
    """A context in which there is a card of `capacity` bytes.

    Attributes:
        live, peak: bytes of tensors on it, now and at most.
        up, down: bytes copied to it and back.
        calls: how often each operation ran on it.
        capability: what the card says it can do.
    """

    def __init__(self, capacity: float = float("inf"), capability: tuple[int, int] = (8, 0)):
        self.capacity, self.capability = capacity, capability
        self.live = self.peak = self.up = self.down = 0
        self.calls: Counter[str] = Counter()
        self.known: set[int] = set()
        said = {
            "memory_allocated": lambda _=None: self.live,
            "max_memory_allocated": lambda _=None: self.peak,
            "mem_get_info": lambda _=None: (self.capacity - self.live, self.capacity),
            "reset_peak_memory_stats": lambda _=None: setattr(self, "peak", self.live),
            "get_device_capability": lambda _=None: self.capability,
            "empty_cache": lambda: None,
            "synchronize": lambda _=None: None,
        }
        self._modes = [mock.patch.object(torch.cuda, name, function) for name, function in said.items()]
        there = mock.patch(
            "keyface_lib.clip.devices.available_devices", return_value=["cpu", "cuda:0", "cuda"]
        )
        self._modes += [there, _CudaIsMeta(), _AsStrictAsACard(self)]

    def __enter__(self) -> "PretendCard":
        for mode in self._modes:
            mode.__enter__()
        return self

    def __exit__(self, *exception) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(*exception)

    def hold(self, tensor: torch.Tensor) -> None:
        """Gives a new tensor its place.

        Raises:
            torch.OutOfMemoryError: there is none.
        """
        storage = tensor.untyped_storage()
        place, size = storage._cdata, storage.nbytes()
        if place in self.known:
            return
        if self.live + size > self.capacity:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes.")
        self.known.add(place)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, place, size)

    def _forget(self, place: int, size: int) -> None:
        self.known.discard(place)
        self.live -= size


class _CudaIsMeta(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = {name: _renamed(value) for name, value in (kwargs or {}).items()}
        return function(*map(_renamed, args), **kwargs)


def _renamed(value):
    return torch.device("meta") if isinstance(value, torch.device) and value.type == "cuda" else value


class _AsStrictAsACard(TorchDispatchMode):
    def __init__(self, card: PretendCard):
        super().__init__()
        self.card = card

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        with self:  # in inference mode, operations made of others arrive whole
            result = function.decompose(*args, **kwargs)
        if result is not NotImplemented:
            return result
        given = [value for value in tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)]
        packet = function.overloadpacket
        if packet is aten._to_copy and kwargs.get("device") is not None:
            return self._moved(function, args[0], kwargs)
        if packet is aten.copy_ and args[0].is_meta != args[1].is_meta:
            self._count(args[1], to_card=args[0].is_meta)
            return args[0]
        if any(tensor.is_meta for tensor in given):
            self._check(packet, given)
            self.card.calls[str(packet)] += 1
        result = function(*args, **kwargs)
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.is_meta:
                self.card.hold(tensor)
        return result

    def _moved(self, function, tensor: torch.Tensor, kwargs: dict) -> torch.Tensor:
        to_card = torch.device(kwargs["device"]).type == "meta"
        if tensor.is_meta != to_card:
            self._count(tensor, to_card)
        if tensor.is_meta and not to_card:
            return torch.zeros(tensor.shape, dtype=kwargs.get("dtype") or tensor.dtype)
        result = function(tensor, **kwargs)
        if to_card:
            self.card.hold(result)
        return result

    def _count(self, tensor: torch.Tensor, to_card: bool) -> None:
        name = "up" if to_card else "down"
        setattr(self.card, name, getattr(self.card, name) + tensor.nbytes)

    def _check(self, packet, given: list[torch.Tensor]) -> None:
        if packet is aten._local_scalar_dense:
            raise MixedUpError("a number is read from the card, which has to be waited for")
        in_host = [tensor for tensor in given if not tensor.is_meta and tensor.ndim > 0]
        if in_host and not (packet in INDEXING and given[0].is_meta):
            raise MixedUpError(f"{packet} of tensors on the card and in host memory: {_shown(given)}")
        if packet in ONE_DTYPE:
            kinds = {tensor.dtype for tensor in given if tensor.is_floating_point()}
            if len(kinds) > 1:
                raise MixedUpError(f"{packet} of several types: {_shown(given)}")


def _shown(tensors: list[torch.Tensor]) -> str:
    return ", ".join(f"{tuple(t.shape)} {t.dtype} {'card' if t.is_meta else 'host'}" for t in tensors)
