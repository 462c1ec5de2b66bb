"""The library's front door: a portrait and a recording in, a clip out."""

import os
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from . import small
from .audio.features import AudioFeatures, encode_audio
from .clip.animate import Animation
from .clip.cost import Cost, measure
from .clip.devices import best_device, device_of, dtype_of
from .clip.inputs import HUB, check_folder_of, check_model, hub_id
from .clip.material import Feeling, Material, Picture, Recording, picture_of, read_material, sound_of
from .clip.models import Models, load_models
from .clip.settings import Settings, settings_from
from .errors import KeyFaceError
from .media.image import square
from .media.video import VideoWriter, check_output
from .messages import shown
from .method.batching import memory_for
from .method.holding import kept_keyframes
from .method.tensors import check_finite
from .method.timeline import SAMPLE_RATE, Timeline, frames_in
from .method.values import yes_or_no
from .weights.knowing import said_of_strange

__all__ = ["Clip", "KeyFace", "best_device"]

Progress = Callable[[int, int], None]
_IN_FP32 = "try fp32; if it is that already, its weights or its input are broken"


@dataclass(frozen=True)
class Clip:
    """A clip that is made while it is iterated: (n, H, W, 3) uint8 frames, each once, in order.

    Attributes:
        animation: the stream of frames and its plan.
        audio: (samples,) mono 16 kHz, what the face hears.
        audio_path: the recording, or a copy of a pipe's, heard in the video; None where it was no file.
        sound: heard in the video where there is no file, (samples,) or (channels, samples); None is `audio`.
        sound_rate: samples a second of `sound`.
        cost: what was measured to choose the batch; None where it was given.
    """

    animation: Animation
    audio: torch.Tensor
    audio_path: Path | BinaryIO | None = None
    sound: torch.Tensor | None = None
    sound_rate: int = SAMPLE_RATE
    cost: Cost | None = None

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(self.animation)

    @property
    def n_frames(self) -> int:
        return self.animation.timeline.n_frames

    def save(self, path: str | Path, lossless: bool = False, progress: Progress | None = None) -> int:
        """Makes the clip and writes it, sound included, while it is made.

        Args:
            path: an .mp4, .mkv or .mov file, or a folder for a PNG sequence.
            progress: called with (written, total) frames; may raise to interrupt.

        Returns:
            The frames written. Interrupted, it leaves a playable file of what is done.

        Raises:
            KeyFaceError: the place cannot be written to, or the disk is full.
        """
        check_folder_of(path, "output")
        _check_progress("progress", progress)
        check_output(path, yes_or_no("lossless", lossless))
        side = self.animation.models.image_size
        sound, rate = (self.audio, SAMPLE_RATE) if self.sound is None else (self.sound, self.sound_rate)
        audio = sound if self.audio_path is None else self.audio_path
        written = 0
        with VideoWriter(
            path, side, side, audio=audio, sample_rate=rate, n_frames=self.n_frames, lossless=lossless
        ) as writer:
            for frames in self:
                writer.write(frames)
                written += len(frames)
                if progress is not None:
                    progress(written, self.n_frames)
        return written


class KeyFace:
    """The two-stage pipeline with its models loaded."""

    def __init__(self, models: Models):
        if isinstance(models, (str, os.PathLike)):
            raise KeyFaceError(f"KeyFace takes loaded models; write KeyFace.from_pretrained({str(models)!r})")
        self.models = models

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path | None = None,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        offload: bool = False,
    ) -> "KeyFace":
        """Loads a model folder, or a Hugging Face hub repository of that layout by its id.

        Args:
            name: a folder, or "hf:owner/repository", which is downloaded once into the hub's cache;
                None is the small model in the box.
            device: None takes the best there is.
            dtype: of the networks; None takes what the device computes best, see `devices.network_dtype`.
            offload: hold only the networks at work on the device (for cards with little memory).

        Raises:
            KeyFaceError: no such folder, repository or device, or the files are not KeyFace's.
        """
        check_model(name)
        device, dtype, offload = device_of(device), dtype_of(dtype), yes_or_no("offload", offload)
        folder = small.FOLDER if name is None else _folder(name)
        return cls(load_models(folder, device, dtype, offload))

    def animate(
        self,
        image: Picture,
        audio: Recording,
        emotion: Feeling = "neutral",
        settings: Settings | None = None,
        progress: Progress | None = None,
        audio_progress: Progress | None = None,
        sample_rate: int = SAMPLE_RATE,
        normalize: bool = False,
        held: Mapping[int, torch.Tensor] | torch.Tensor | None = None,
        reroll: Collection[int] = (),
        **options,
    ) -> Clip:
        """Plans a clip as long as the audio; frames are made as it is iterated or saved.

        docs/inputs.md says all that is taken; everything is looked at before anything is computed.

        Args:
            image: a picture file, a PIL image, a NumPy array, or a tensor (3, h, w) in [-1, 1].
            audio: a sound file, or (samples,) or (channels, samples) in [-1, 1].
            emotion: a curve, or text that `emotion_file.parse_emotion` reads.
            settings: how it is sampled; by default as the model files ask for.
            progress: called with (done, total) network calls; may raise to interrupt.
            audio_progress: called with (done, total) windows of audio encoding, which happens right here.
            sample_rate: of audio that is no file, in Hz.
            normalize: brings what the face hears, not what people hear, to the level of a usual recording.
            held: keyframes that stay as they are, unscaled latents (4, h, w) by number from 0 on, or
                (keyframes, 4, h, w) of a whole clip; the others are sampled around them.
            reroll: numbers of keyframes to sample anew though `held` has them; give another `seed`.
            options: single settings by name, see `settings.settings_from`.

        Raises:
            KeyFaceError: an input is unusable; the message says which and why.
        """
        settings = settings_from(self.models.default_settings() if settings is None else settings, **options)
        _check_progress("progress", progress)
        _check_progress("audio_progress", audio_progress)
        material = read_material(image, audio, emotion, sample_rate, normalize)
        return self.plan(material, settings, progress, audio_progress, held, reroll)

    def plan(
        self,
        material: Material,
        settings: Settings,
        progress: Progress | None = None,
        audio_progress: Progress | None = None,
        held: Mapping[int, torch.Tensor] | torch.Tensor | None = None,
        reroll: Collection[int] = (),
    ) -> Clip:
        """Plans a clip of what has been read; see `animate`."""
        models = self.models
        side = models.image_size // models.vae.factor
        timeline = Timeline(frames_in(len(material.waveform)))
        held = kept_keyframes(held, reroll, timeline, (4, side, side))
        identity = self.encode_portrait(material.picture)
        features = self.encode_audio(material.waveform, audio_progress)
        cost = None
        if settings.batch is None:
            cost = measure(models, sequences=Timeline(features.n_frames).n_segments)
            settings = replace(settings, batch=cost.batch)
        animation = Animation(models, identity, features, material.curve, settings, progress, held)
        return Clip(
            animation, material.waveform, material.audio_path, material.sound, material.sound_rate, cost
        )

    def encode_portrait(self, image: Picture) -> torch.Tensor:
        """Unscaled identity latent (4, h, w) of a picture, cropped to its central square.

        Warns where the models do not know such pictures.

        Raises:
            KeyFaceError: it is no picture (see `animate`), or its latent is not a number.
        """
        models = self.models
        picture = square(picture_of(image), models.image_size)[None]
        models.load_to_device(models.vae)
        with memory_for("the portrait to encode"):
            latent = models.vae.encode_image(picture).cpu()
        check_finite(latent, "the portrait's latent", _IN_FP32)
        if models.knows is not None:
            with memory_for("the portrait to decode again"):
                again = models.vae.decode_frames(latent).cpu()
            if said := said_of_strange(models.knows, picture.cpu(), again):
                warnings.warn(said, stacklevel=2)
        return latent[0]

    def encode_audio(
        self, waveform: torch.Tensor | np.ndarray, progress: Progress | None = None
    ) -> AudioFeatures:
        """Features of mono 16 kHz audio (samples,) for all encoders the networks are conditioned on.

        Raises:
            KeyFaceError: it is no such sound, or its features are not numbers.
        """
        waveform, models = sound_of(waveform, channels=False), self.models
        try:
            features = encode_audio(waveform, models.encoders, progress, load=models.load_to_device)
        finally:  # not needed again for this clip
            models.unload(*models.encoders.values())
        for name, encoded in features.by_encoder.items():
            check_finite(encoded, f"the output of {name}", _IN_FP32)
        return features


def _folder(name: str | Path) -> Path:
    repository = hub_id(name)
    return Path(name).expanduser() if repository is None else _download(repository)


def _check_progress(name: str, progress: object) -> None:
    if progress is not None and not callable(progress):
        raise KeyFaceError(f"{name} is {shown(progress)}; give a function of (done, total), or None")


def _download(repository: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, allow_patterns=["*.safetensors", "*.pt", "*.json"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise KeyFaceError(
            f"{HUB}{repository}: could not be had from the Hugging Face hub ({type(error).__name__}); "
            "check the name and the connection, or download it and name its folder"
        ) from error
