"""What the silence gate keeps of the toy world's sounds, by what they are and how noisy."""

from collections.abc import Sequence
from functools import cache
from typing import Protocol

import torch
from toyworld_talk import FIRST_SEED_TO_COMPARE, Table

from keyface_lib.audio.silence_gate import voiced_spans
from keyface_lib.method.timeline import SAMPLE_RATE, SAMPLES_PER_FRAME
from keyface_lib.toyworld import CLASSES, perform
from keyface_lib.toyworld.clip import Performance
from keyface_lib.toyworld.scores import settled

CLIPS, SECONDS = 6, 30.0
NOISES = ("white", "pink", "hum", "music")
LEVELS_DB = (40, 30, 20, 15, 10, 5)
MARGIN = 6
"""Frames at either end of a silence that do not count: the gate keeps some."""


class Labelled(Protocol):
    """What every frame at 25 fps holds: the number of a kind of sound, (frames,)."""

    @property
    def vocalization(self) -> torch.Tensor: ...


def sounds() -> Table:
    performances = [perform(FIRST_SEED_TO_COMPARE + number, SECONDS, "test") for number in range(CLIPS)]
    rows = [["none", *kept(performances, [p.waveform for p in performances])]]
    for kind in NOISES:
        for level in LEVELS_DB:
            heard = [with_noise(performance, kind, level) for performance in performances]
            rows.append([f"{kind}, {level} dB below", *kept(performances, heard)])
    title = f"Share of frames that the silence gate keeps, {CLIPS} recordings of {SECONDS:g} s"
    return title, ["noise", "silence", *CLASSES[1:]], rows


def kept(
    performances: Sequence[Labelled], heard: list[torch.Tensor], names: Sequence[str] = CLASSES
) -> list[float]:
    """The share of frames of each kind that stays of what is heard."""
    stay: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    for performance, waveform in zip(performances, heard, strict=True):
        samples = torch.zeros(len(waveform))
        for start, stop in voiced_spans(waveform):
            samples[start:stop] = 1
        frames, labels = samples.view(-1, SAMPLES_PER_FRAME).mean(dim=1), performance.vocalization
        for number, name in enumerate(names):
            chosen = labels == number
            stay[name].append(frames[settled(chosen, MARGIN) if name == "silence" else chosen])
    return [float(torch.cat(shares).mean()) for shares in stay.values()]


def with_noise(performance: Performance, kind: str, below_db: float) -> torch.Tensor:
    """The sound of a performance with noise so many dB below its speech."""
    waveform = performance.waveform
    speech = (performance.vocalization == CLASSES.index("speech")).repeat_interleave(SAMPLES_PER_FRAME)
    level = waveform[speech].square().mean().sqrt() * 10 ** (-below_db / 20)
    return waveform + level * noise_of(kind, len(waveform))


@cache
def noise_of(kind: str, samples: int) -> torch.Tensor:
    """Noise of level 1; music is a chord of four fading tones every half second."""
    generator = torch.Generator().manual_seed(1)
    time = torch.arange(samples) / SAMPLE_RATE
    if kind == "hum":
        noise = torch.stack([torch.sin(6.2832 * 50 * k * time + k) / k for k in (1, 2, 3, 4, 5, 7)]).sum(0)
    elif kind == "music":
        chords = -(-samples // (SAMPLE_RATE // 2))
        roots = 110 * 2 ** (torch.randint(0, 12, (chords,), generator=generator) / 12)
        beat = time[: SAMPLE_RATE // 2]
        tones = torch.tensor([r * h for r in (1, 1.25, 1.5, 2) for h in (1, 2, 3, 4)])
        loud = torch.tensor([1 / h for _ in range(4) for h in (1, 2, 3, 4)])
        waves = torch.sin(6.2832 * roots[:, None, None] * tones[:, None] * beat) * loud[:, None]
        noise = (waves.sum(dim=1) * torch.exp(-2 * beat)).flatten()[:samples]
    else:
        noise = torch.randn(samples, generator=generator)
        if kind == "pink":
            hertz = torch.fft.rfftfreq(samples, 1 / SAMPLE_RATE).clamp(min=20)
            noise = torch.fft.irfft(torch.fft.rfft(noise) / hertz.sqrt(), samples)
    return noise / noise.square().mean().sqrt()
