"""What a clip will cost: one sequence is tried on the real device before the run."""

import sys
import time
from dataclasses import dataclass

import torch

from ..method.conditioning import interpolation_conditioning
from ..method.denoiser import denoise
from ..method.timeline import SLOTS
from .frames import decode_segments
from .models import Models

CPU_BATCH_BYTES = 2**30
"""Memory that a batch may take on a processor, where large batches bring little speed."""
LARGEST_BATCH = 12
"""Nearly one window's worth of segments; more would fill no device better."""


@dataclass(frozen=True)
class Cost:
    """What one sequence of 14 frames takes on a device.

    Attributes:
        call_seconds: one network call.
        decode_seconds: decoding its frames.
        sequence_bytes: memory the call needs beside the weights.
        resident_bytes: memory that is taken already, by weights mostly.
        batch: sequences per call that fit into the memory that is free.
    """

    call_seconds: float
    decode_seconds: float
    sequence_bytes: int
    resident_bytes: int
    batch: int

    def seconds(self, calls: int, segments: int) -> float:
        """Time of a clip of that many network calls and segments."""
        return calls * self.call_seconds + segments * self.decode_seconds


@torch.inference_mode()
def measure(models: Models) -> Cost:
    """Times one call of the interpolation network and one decoding, and weighs the memory they need."""
    side = models.image_size // models.vae.factor
    network, device = models.interpolation, models.device
    models.bring(network)
    sizes = network.sizes
    tokens = torch.zeros(1, SLOTS, sizes["context_dim"], device=device)
    latents = torch.zeros(1, SLOTS, 4, side, side, device=device)
    seen = interpolation_conditioning(latents[:, :2], network.mask_for(side, side), tokens)
    sigma = torch.ones(1)
    before = _memory(device)
    denoise(network.unet, latents, sigma, seen)  # the first call also builds what later ones reuse
    call_seconds = _timed(device, lambda: denoise(network.unet, latents, sigma, seen))
    sequence_bytes = max(0, _memory(device) - before)
    models.bring(models.vae)
    decode_seconds = _timed(device, lambda: decode_segments(models.vae, latents))
    return Cost(call_seconds, decode_seconds, sequence_bytes, before, _batch(models, sequence_bytes))


def _batch(models: Models, sequence_bytes: int) -> int:
    room = CPU_BATCH_BYTES
    if models.device.type == "cuda":
        models.bring(models.interpolation, models.reduced)
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(models.device)
        room = 0.8 * free
    return int(min(LARGEST_BATCH, max(1, room // max(1, sequence_bytes))))


def _timed(device: torch.device, work) -> float:
    _synchronize(device)
    start = time.perf_counter()
    work()
    _synchronize(device)
    return time.perf_counter() - start


def _synchronize(device: torch.device) -> None:
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


def _memory(device: torch.device) -> int:
    """Bytes at the highest so far: of the card, or of the process where there is none."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return peak_memory()


def peak_memory() -> int:
    """Bytes of main memory this process has held at most."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts in bytes, Linux in kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
