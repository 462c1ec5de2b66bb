"""Sound in, features at 25 frames a second out."""

from .encoders import WITHOUT_WEIGHTS, encoder_shapes, load_encoder
from .features import AudioFeatures, encode_audio
from .reading import load_audio, mono_16k
from .vocalizations import Vocalization, find_vocalizations

__all__ = [
    "WITHOUT_WEIGHTS",
    "AudioFeatures",
    "Vocalization",
    "encode_audio",
    "encoder_shapes",
    "find_vocalizations",
    "load_audio",
    "load_encoder",
    "mono_16k",
]
