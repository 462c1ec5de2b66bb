"""One tiny model folder for all tests of a session."""

import atexit
import wave
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from keyface_lib.pipeline import KeyFace
from keyface_lib.tiny import write_tiny_models


@cache
def tiny_folder() -> Path:
    """A complete model folder with random weights."""
    place = TemporaryDirectory(prefix="keyface-tiny-")
    atexit.register(place.cleanup)
    folder = Path(place.name) / "models"
    write_tiny_models(folder, seed=0)
    return folder


@cache
def tiny_keyface() -> KeyFace:
    """The folder's models, loaded on the CPU."""
    return KeyFace.from_pretrained(tiny_folder(), device="cpu")


def voice(seconds: float, seed: int = 0) -> torch.Tensor:
    """Mono 16 kHz noise whose loudness changes like syllables, (samples,)."""
    samples = max(1, round(16_000 * seconds))
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    time = torch.arange(samples) / 16_000
    return 0.1 * noise * (1 + torch.sin(2 * torch.pi * 4 * time))


def recorded(path: Path, seconds: float, seed: int = 0) -> Path:
    """`voice` as a WAV file of 16 bits."""
    samples = (voice(seconds, seed).clamp(-1, 1) * 32767).to(torch.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(samples.numpy().tobytes())
    return path


def portrait(height: int = 80, width: int = 64) -> torch.Tensor:
    """A picture (3, height, width) in [-1, 1]."""
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
