"""Kaldi's log mel filter bank as BEATs was trained on it."""

import warnings
from functools import cache

import numpy as np
import torch

from ..method.timeline import SAMPLE_RATE

MEL_BINS = 128
FRAME = SAMPLE_RATE * 25 // 1000
HOP = SAMPLE_RATE * 10 // 1000
_FFT = 512
_MEAN, _STD = 15.41663, 6.55582


def fbank(samples: torch.Tensor) -> torch.Tensor:
    """Filter bank frames of 25 ms every 10 ms, scaled with BEATs' statistics of AudioSet.

    Args:
        samples: (n,) with full scale [-1, 1], n at least 400.

    Returns:
        ((n - 400) // 160 + 1, 128) float32 on the CPU.
    """
    from transformers.audio_utils import spectrogram, window_function

    energies = spectrogram(
        samples.float().cpu().numpy() * 2.0**15,
        window_function(FRAME, "povey", periodic=False),
        frame_length=FRAME,
        hop_length=HOP,
        fft_length=_FFT,
        power=2.0,
        center=False,
        preemphasis=0.97,
        mel_filters=_mel_filters(),
        mel_floor=float(np.finfo(np.float32).eps),
        log_mel="log",
        remove_dc_offset=True,
    )
    return (torch.from_numpy(energies.T.copy()) - _MEAN) / (2 * _STD)


@cache
def _mel_filters() -> np.ndarray:
    from transformers.audio_utils import mel_filter_bank

    with warnings.catch_warnings():
        # 128 bins are more than 512 FFT points resolve at the low end, in Kaldi as here.
        warnings.filterwarnings("ignore", message="At least one mel filter has all zero values")
        return mel_filter_bank(
            num_frequency_bins=_FFT // 2 + 1,
            num_mel_filters=MEL_BINS,
            min_frequency=20.0,
            max_frequency=SAMPLE_RATE / 2,
            sampling_rate=SAMPLE_RATE,
            mel_scale="kaldi",
            triangularize_in_mel_space=True,
        )
