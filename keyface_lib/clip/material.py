"""What a clip is made from, given in any of several kinds: a portrait, a recording and a feeling.

docs/inputs.md lists the kinds. Nothing here needs a model, so nothing wrong waits until one is loaded.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

import numpy as np
import torch
from PIL import Image

from ..audio.containers import RATES, held
from ..audio.loudness import normalized, warn_if_quiet
from ..audio.reading import load_audio, mono_16k
from ..audio.silence_gate import gated
from ..errors import KeyFaceError
from ..media.film import is_video, picture_at
from ..media.image import from_pil, load_scaled_image
from ..messages import shown
from ..method.emotion import EmotionCurve
from ..method.tensors import check_images, check_range, check_sound
from ..method.timeline import SAMPLE_RATE, frames_in
from ..method.values import real, whole, yes_or_no
from ..portrait.finding import Which, find_face
from ..portrait.framing import Box, Framing, framing_of_box
from .emotion_file import parse_emotion
from .inputs import check_file

Picture: TypeAlias = str | os.PathLike | torch.Tensor | np.ndarray | Image.Image
Recording: TypeAlias = str | os.PathLike | torch.Tensor | np.ndarray
Feeling: TypeAlias = str | os.PathLike | EmotionCurve

MOST_CHANNELS = 64
"""Of a sound; more are samples that lie the wrong way round."""

_PICTURE = "the picture"
_SOUND = "the recording"
_ZERO_AND_SCALE = {"uint8": (128, 128), "int16": (0, 2**15), "int32": (0, 2**31)}
"""Silence and full scale of whole numbers, as WAV files hold them."""


@dataclass(frozen=True)
class Material:
    """A portrait, a recording and a feeling, read.

    Attributes:
        picture: (3, height, width) in [-1, 1].
        waveform: (samples,) mono at 16 kHz, what the face hears.
        curve: what it feels.
        audio_path: the recording's file, heard in the video, or a copy of what a pipe held; None where it was
            neither.
        sound: heard in the video where there is no file: (samples,) or (channels, samples).
        sound_rate: samples a second of `sound`.
        framing: the square of the picture that is animated; None is the central one.
        reduction: how many pixels of what was given one of the picture is wide.
    """

    picture: torch.Tensor
    waveform: torch.Tensor
    curve: EmotionCurve
    audio_path: Path | BinaryIO | None
    sound: torch.Tensor
    sound_rate: int = SAMPLE_RATE
    framing: Framing | None = None
    reduction: int = 1

    @property
    def n_frames(self) -> int:
        """Of a clip as long as the recording."""
        return frames_in(len(self.waveform))


def read_material(
    image: Picture,
    audio: Recording,
    emotion: Feeling = "neutral",
    sample_rate: int = SAMPLE_RATE,
    normalize: bool = False,
    face: Box | Which | None = None,
    silence_gate: bool = False,
    at: float | None = None,
) -> Material:
    """Reads what a clip is made from; the quickest first.

    Args:
        image: see `picture_of`.
        audio: see `sound_of`.
        emotion: see `feeling_of`.
        sample_rate: of a recording given as numbers.
        normalize: brings what the face hears, not what people hear, to the level of a usual recording.
        face: the square of the picture that is animated, or the face it is put around, see `framing_in`;
            None is the central square.
        silence_gate: mutes what is neither said nor voiced in what the face hears, see `audio.silence_gate`.
        at: of a video, see `picture_of`.

    Raises:
        KeyFaceError: one is missing, damaged, or of no known kind, shape or range.
    """
    normalize, gate = yes_or_no("normalize", normalize), yes_or_no("silence_gate", silence_gate)
    curve = feeling_of(emotion)
    for path, what in ((image, "picture"), (audio, "recording")):
        if isinstance(path, (str, os.PathLike)):
            check_file(path, what)
    picture, reduction, framing = framed_picture(image, face, at)
    if isinstance(audio, (str, os.PathLike)):
        recording = held(Path(audio))
        waveform = load_audio(recording, hint=not normalize)
        heard = normalized(waveform) if normalize else waveform
        heard = gated(heard) if gate else heard
        return Material(picture, heard, curve, recording, waveform, framing=framing, reduction=reduction)
    sound = sound_of(audio)
    sample_rate = whole("sample_rate", sample_rate, *RATES)
    heard_as_it_is = sound.ndim == 1 and sample_rate == SAMPLE_RATE
    waveform = sound if heard_as_it_is else mono_16k(torch.atleast_2d(sound), sample_rate)
    if normalize:
        waveform = normalized(waveform)
    else:
        warn_if_quiet(waveform, _SOUND)
    if gate:
        waveform = gated(waveform)
    return Material(picture, waveform, curve, None, sound, sample_rate, framing, reduction)


def framed_picture(
    image: Picture, face: Box | Which | None, at: float | None = None
) -> tuple[torch.Tensor, int, Framing | None]:
    """A picture and its reduction, see `scaled_picture_of`, and its square that is animated.

    None is the central square.

    Raises:
        KeyFaceError: as `picture_of` and `framing_in`.
    """
    picture, reduction = scaled_picture_of(image, at)
    return picture, reduction, None if face is None else framing_in(picture, reduction, face)


def picture_of(image: Picture, at: float | None = None) -> torch.Tensor:
    """A picture (3, height, width) in [-1, 1].

    Args:
        image: a file; a tensor (3, height, width) of floating point numbers in [-1, 1]; a PIL image; or a
            NumPy array with its channels last, (height, width), (height, width, 1), (..., 3) or (..., 4), of
            uint8, uint16, or floating point numbers in [0, 1]. A fourth channel, transparency, is not looked
            at. Or a video's file, of which one picture is taken.
        at: seconds of a video at which it shows the picture; None is its first.

    Raises:
        KeyFaceError: it is none of them, or a video that has ended by then.
    """
    return scaled_picture_of(image, at)[0]


def framing_in(picture: torch.Tensor, reduction: int, face: Box | Which) -> Framing:
    """The square of a picture that is animated.

    Args:
        picture, reduction: see `scaled_picture_of`.
        face: the square itself, (x, y, width, height) in pixels of what was given, see `framing_of_box`; or
            which face a detector shall find: "largest", its number from the left, or the nearest to (x, y),
            see `finding.find_face`.

    Raises:
        KeyFaceError: it is none of these, lies outside of the picture, or is not found.
    """
    if isinstance(face, Sequence) and not isinstance(face, str) and len(face) == 4:
        height, width = (side * reduction for side in picture.shape[-2:])
        return framing_of_box(face, height, width).scaled(1 / reduction)
    if isinstance(face, Sequence) and not isinstance(face, str) and len(face) == 2:
        x, y = (real("the face's point", place) / reduction for place in face)
        return find_face(picture, (x, y)).framing
    return find_face(picture, cast(Which, face)).framing


def scaled_picture_of(image: Picture, at: float | None = None) -> tuple[torch.Tensor, int]:
    """See `picture_of`, and how many pixels of what was given one of the picture is wide."""
    if isinstance(image, (str, os.PathLike)):
        check_file(image, "picture")
        if at is not None or is_video(image):
            return picture_at(image, at or 0.0), 1
        return load_scaled_image(image)
    if at is not None:
        raise KeyFaceError(f"at is {shown(at)}, a moment of a video; give the video's path as the picture")
    return _picture_of_pixels(image), 1


def _picture_of_pixels(image: torch.Tensor | np.ndarray | Image.Image) -> torch.Tensor:
    if isinstance(image, Image.Image):
        return from_pil(image)
    if isinstance(image, np.ndarray):
        return _picture_of_array(image)
    if not isinstance(image, torch.Tensor):
        raise KeyFaceError(
            f"{_PICTURE} is {shown(image)}; give a file, a PIL image, an array or a tensor (3, height, width)"
        )
    check_images(image, _PICTURE)
    return image.detach().float()


def sound_of(audio: torch.Tensor | np.ndarray, channels: bool = True) -> torch.Tensor:
    """A sound (samples,), or with `channels` also (channels, samples), in float32 on the CPU.

    Args:
        audio: a tensor or NumPy array of that shape, of floating point numbers; a NumPy array of uint8, int16
            or int32 too, as WAV files hold them.

    Raises:
        KeyFaceError: it is none of them, has no samples, or some that are not finite.
    """
    if isinstance(audio, np.ndarray):
        zero, scale = _ZERO_AND_SCALE.get(audio.dtype.name, (0, 1))
        if scale == 1 and audio.dtype.kind != "f":
            raise KeyFaceError(
                f"{_SOUND} is an array of {audio.dtype}; give floating point numbers in [-1, 1], or uint8, "
                "int16 or int32 as WAV files hold them"
            )
        audio = torch.from_numpy((audio.astype(np.float32) - zero) / scale)
    if not isinstance(audio, torch.Tensor):
        raise KeyFaceError(
            f"{_SOUND} is {shown(audio)}; give a file, or samples as a tensor or a NumPy array"
        )
    many = channels and audio.ndim == 2
    check_sound(audio, _SOUND, "(channels, samples)" if many else "(samples,)")
    if many and len(audio) > MOST_CHANNELS:
        raise KeyFaceError(
            f"{_SOUND} has the shape {tuple(audio.shape)}, {len(audio):,} channels; transpose it to "
            "(channels, samples)"
        )
    return audio.detach().float().cpu()


def feeling_of(emotion: Feeling) -> EmotionCurve:
    """A curve as it is, or what `emotion_file.parse_emotion` reads from text or a file."""
    return emotion if isinstance(emotion, EmotionCurve) else parse_emotion(emotion)


def _picture_of_array(pixels: np.ndarray) -> torch.Tensor:
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    kind = pixels.dtype
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3, 4) or not pixels.size:
        raise KeyFaceError(
            f"{_PICTURE} is an array of the shape {pixels.shape}; give (height, width, 3), channels last, "
            "or (height, width)"
        )
    white = {"uint8": 255, "uint16": 65535}.get(kind.name, 1)
    if white == 1 and kind.kind != "f":
        raise KeyFaceError(
            f"{_PICTURE} is an array of {kind}; give uint8, uint16, or floating point numbers in [0, 1]"
        )
    channels = np.ascontiguousarray(pixels[..., :3].transpose(2, 0, 1), dtype=np.float32)
    picture = torch.from_numpy(channels / white)
    check_range(picture, _PICTURE, 0.0, 1.0, slack=0.25)
    return (picture * 2 - 1).clamp(-1, 1).expand(3, -1, -1).contiguous()
