"""Log mel energies: an encoder without weights, for small models."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import nn

from ..method.timeline import SAMPLE_RATE, SAMPLES_PER_FRAME
from .windows import Scaling, TokenGrid

BANDS = 32
CONTEXT = 8
"""Mel frames in a token: 80 ms, in the middle of which lie the 20 ms the token stands for."""
_HOP, _WINDOW, _FFT = SAMPLE_RATE // 100, SAMPLE_RATE // 40, 512
_MEAN, _STD = -6.0, 4.0
"""About what speech at a usual level has."""


class LogMelEncoder(nn.Module):
    """Every 20 ms the log mel energies around them; see `encoders.AudioEncoder`."""

    name = "logmel"
    dim = BANDS * CONTEXT
    grid = TokenGrid(hop=SAMPLES_PER_FRAME // 2, field=SAMPLES_PER_FRAME // 2)
    even_frames = False
    stretched = False
    context_s = 0.04

    def __init__(self):
        super().__init__()
        self.register_buffer("filters", _filters(), persistent=False)

    def scaling(self, waveform: torch.Tensor, samples: int) -> Scaling:
        """None: loudness is heard."""
        return Scaling()

    def tokens(self, samples: torch.Tensor) -> torch.Tensor:
        """Tokens (batch, n // 320, 256) of samples (batch, n)."""
        samples = samples.to(self.filters)
        margin = _HOP * (CONTEXT // 2 - 1)  # of mel frames before the two that are the token's own
        edge = margin + (_WINDOW - _HOP) // 2
        padded = F.pad(samples, (edge, edge + _HOP))
        window = torch.hann_window(_WINDOW, device=samples.device)
        frames = padded.unfold(-1, _WINDOW, _HOP) * window
        energies = torch.fft.rfft(frames, _FFT).abs().square() @ self.filters
        levels = (torch.log(energies + 1e-6) - _MEAN) / _STD
        stacked = levels.unfold(1, CONTEXT, 2).transpose(2, 3).flatten(2)
        return stacked[:, : samples.shape[-1] // self.grid.hop]


@cache
def _filters() -> torch.Tensor:
    """Mel filters (257, 32)."""
    from transformers.audio_utils import mel_filter_bank

    filters = mel_filter_bank(
        num_frequency_bins=_FFT // 2 + 1,
        num_mel_filters=BANDS,
        min_frequency=60.0,
        max_frequency=SAMPLE_RATE / 2,
        sampling_rate=SAMPLE_RATE,
        mel_scale="htk",
    )
    return torch.from_numpy(filters).float()
