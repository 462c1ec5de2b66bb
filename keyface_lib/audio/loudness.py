"""How loud a voice is, and what is done about a very quiet one."""

import math
import warnings

import torch

from ..method.timeline import SAMPLES_PER_FRAME

VOICE = 0.15
"""Level of a voice (see `level_of`) in a recording made with care: that of the speech in the box."""
QUIET = VOICE / 10
"""A level 20 dB lower. The networks hear it, but move the mouth little."""
SILENCE = 1e-4
"""Nothing quieter is raised: it is noise."""


def level_of(waveform: torch.Tensor) -> float:
    """Root mean square of a loud moment: of the video frame that one in twenty exceeds.

    Args:
        waveform: (samples,) at 16 kHz in [-1, 1].
    """
    whole = len(waveform) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME
    frames = waveform[:whole].view(-1, SAMPLES_PER_FRAME) if whole else waveform[None]
    powers = frames.square().mean(dim=1)
    return float(powers.kthvalue(max(1, math.ceil(0.95 * len(powers)))).values.sqrt())


def normalized(waveform: torch.Tensor) -> torch.Tensor:
    """The same sound at the level of a careful recording, kept in [-1, 1]; silence stays silence."""
    level = level_of(waveform)
    return waveform if level < SILENCE else (waveform * (VOICE / level)).clamp_(-1, 1)


def warn_if_quiet(waveform: torch.Tensor, name: str) -> None:
    """Warns where a voice is so quiet that the mouth would hardly open."""
    level = level_of(waveform)
    if SILENCE <= level < QUIET:
        warnings.warn(
            f"{name}: is very quiet ({20 * math.log10(level / VOICE):.0f} dB against a usual recording): the "
            "mouth may hardly open. Make it louder, or let it be normalized (--normalize)",
            stacklevel=3,
        )
