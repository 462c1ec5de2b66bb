"""How loud a sound is, frame by frame, for pictures of it."""

import torch
import torch.nn.functional as F

from ..method.timeline import SAMPLES_PER_FRAME, frames_in


def peaks_of(waveform: torch.Tensor) -> torch.Tensor:
    """Lowest and highest sample of every video frame: (n_frames, 2) float32.

    The last frame is filled up with silence. Slices of whole frames may be given one after the other: their
    peaks joined are those of the whole.

    Args:
        waveform: (samples,) mono at 16 kHz.
    """
    missing = frames_in(len(waveform)) * SAMPLES_PER_FRAME - len(waveform)
    frames = F.pad(waveform, (0, missing)).view(-1, SAMPLES_PER_FRAME)
    return torch.stack([frames.amin(dim=1), frames.amax(dim=1)], dim=1).float()
