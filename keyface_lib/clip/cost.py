"""What a clip will cost: a few calls are tried on the real device before the run."""

import statistics
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..method.batching import BatchSize, memory_for
from ..method.conditioning import interpolation_conditioning
from ..method.denoiser import denoise
from ..method.timeline import SLOTS
from .frames import decode_segments
from .models import Models

if sys.platform != "win32":
    import resource

CPU_BATCH_BYTES = 2**30
"""Memory that a batch may take on a processor, where large batches bring little speed."""
CARD_SHARE = 0.8
"""Of a card's free memory that a batch may take: the rest is for fragments, and for the screen."""
LARGEST_BATCH = 12
"""Nearly one window's worth of segments; more would fill no device better."""
TIMED_CALLS = 3
TIMED_SECONDS = 0.25
"""A call that takes longer is timed once: the clip itself would have to wait for more."""


@dataclass(frozen=True)
class Cost:
    """What one sequence of 14 frames takes on a device.

    Attributes:
        call_seconds: its share of one network call with `batch` sequences.
        decode_seconds: decoding its frames.
        sequence_bytes: memory the call needs beside the weights.
        decode_bytes: memory that decoding needs beside the weights.
        resident_bytes: memory that is taken already, by weights mostly.
        batch: sequences per call that fit into the memory that is free.
    """

    call_seconds: float
    decode_seconds: float
    sequence_bytes: int
    decode_bytes: int
    resident_bytes: int
    batch: int

    def seconds(self, calls: int, segments: int) -> float:
        """Time of a clip of that many network calls and segments."""
        return calls * self.call_seconds + segments * self.decode_seconds

    def bytes(self, batch: int) -> int:
        """Memory of a clip made with that many sequences per call, at most."""
        return self.resident_bytes + max(batch * self.sequence_bytes, self.decode_bytes)


def measure(models: Models, batch: int | None = None, sequences: int | None = None) -> Cost:
    """Weighs and times calls of the interpolation network and the decoding of a segment.

    Costs one call with a single sequence, one as the clip makes them and one decoding; of the last two up to
    `TIMED_CALLS` more where they are quick.

    Args:
        batch: sequences per call that the clip will be made with; by default as many as fit.
        sequences: of the clip, where that is known: more are not tried at once.

    Raises:
        DoesNotFitError: not even one sequence fits into memory.
    """
    network, device = models.interpolation, models.device
    models.load_to_device(network)
    side = models.image_size // models.vae.factor
    what = "one sequence of 14 frames"
    with memory_for(what):
        one_seconds, sequence_bytes = _weighed(device, _call(models, side, 1))
    if models.offload:
        models.load_to_device(network, models.reduced)
    else:  # all of them stay, and the batch has to fit in beside them
        models.load_to_device(models.keyframe, network, models.reduced, models.vae)
    resident_bytes = _resident(device)
    fitting = _fitting(device, sequence_bytes)
    tried = min(batch or fitting, sequences or LARGEST_BATCH)

    def call_seconds(part: range) -> float:
        call = _call(models, side, len(part))
        first = one_seconds if len(part) == 1 else _seconds(device, call)
        return _timed(device, call, first) / len(part)

    size = BatchSize(tried)
    seconds, _ = size.first(call_seconds, range(tried), what)
    if size.items < tried:  # the card had less to give than it said
        fitting = size.items
    models.load_to_device(models.vae)
    latents = torch.zeros(1, SLOTS, 4, side, side, device=device)
    decode = partial(decode_segments, models.vae, latents)
    first, decode_bytes = _weighed(device, decode)
    return Cost(seconds, _timed(device, decode, first), sequence_bytes, decode_bytes, resident_bytes, fitting)


def _call(models: Models, side: int, sequences: int) -> Callable[[], object]:
    """A call of the interpolation network as a clip makes them."""
    network, device = models.interpolation, models.device

    @torch.inference_mode()
    def call() -> torch.Tensor:
        tokens = torch.zeros(sequences, SLOTS, network.sizes["context_dim"], device=device)
        latents = torch.zeros(sequences, SLOTS, 4, side, side, device=device)
        seen = interpolation_conditioning(latents[:, :2], network.mask_for(side, side), tokens)
        return denoise(network.unet, latents, torch.ones(sequences, device=device), seen)

    return call


def _fitting(device: torch.device, sequence_bytes: int) -> int:
    """How many sequences fit into the memory that is free."""
    room: float = CPU_BATCH_BYTES
    if device.type == "cuda":
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(device)
        room = CARD_SHARE * free
    return int(min(LARGEST_BATCH, max(1, room // max(1, sequence_bytes))))


def _weighed(device: torch.device, work: Callable[[], object]) -> tuple[float, int]:
    """Seconds of a call, the first of its kind, and the bytes that it held at most beside what was there."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        seconds = _seconds(device, work)
        return seconds, torch.cuda.max_memory_allocated(device) - before
    with LiveBytes() as live:
        seconds = _seconds(device, work)
    return seconds, live.peak


def _timed(device: torch.device, work: Callable[[], object], first: float) -> float:
    """Seconds of a call: in the median of several, or of the `first` where they would take too long."""
    times: list[float] = []
    while len(times) < TIMED_CALLS and first + sum(times) < TIMED_SECONDS:
        times.append(_seconds(device, work))
    return statistics.median(times or [first])


def _seconds(device: torch.device, work: Callable[[], object]) -> float:
    _synchronize(device)
    start = time.perf_counter()
    work()
    _synchronize(device)
    return time.perf_counter() - start


def _synchronize(device: torch.device) -> None:
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of tensors that are made inside and still alive: the same on every run.

    What operations use within themselves is not seen.

    Attributes:
        peak: the most at any time.
    """

    def __init__(self):
        super().__init__()
        self.peak = self._now = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        with self:  # in inference mode, operations made of others arrive whole
            result = func.decompose(*args, **(kwargs or {}))
        if result is not NotImplemented:
            return result
        for tensor in _tensors((args, kwargs)):  # may be older, such as weights, and views of it are returned
            self._count(tensor.untyped_storage(), new=False)
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            self._count(tensor.untyped_storage(), new=True)
        self.peak = max(self.peak, self._now)
        return result

    def _count(self, storage: torch.UntypedStorage, new: bool) -> None:
        place = storage._cdata
        if place not in self._known:
            self._known.add(place)
            size = storage.nbytes() if new else 0
            self._now += size
            weakref.finalize(storage, self._forget, place, size)

    def _forget(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size


def _tensors(values) -> Iterator[torch.Tensor]:
    return (value for value in tree_leaves(values) if isinstance(value, torch.Tensor))


def _resident(device: torch.device) -> int:
    """Bytes that are taken now: of the card, or by this process where there is none."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().rss
    if sys.platform == "darwin":  # says only the highest so far
        return peak_memory()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def peak_memory() -> int:
    """Bytes of main memory this process has held at most."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts in bytes, Linux in kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
