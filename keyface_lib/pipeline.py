"""The library's front door: a portrait and a recording in, a clip out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from . import small
from .audio.features import AudioFeatures, encode_audio
from .audio.reading import load_audio
from .clip.animate import Animation
from .clip.cost import measure
from .clip.models import Models, load_models
from .clip.settings import Settings, settings_from
from .errors import KeyFaceError
from .media.image import load_image, square
from .media.video import VideoWriter, check_output
from .method.emotion import EmotionCurve
from .method.emotion_text import parse_emotion
from .method.timeline import SAMPLE_RATE

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Clip:
    """A clip that is made while it is iterated: (n, H, W, 3) uint8 frames, each once, in order.

    Attributes:
        animation: the stream of frames and its plan.
        audio: (samples,) mono 16 kHz, what the face hears.
        audio_path: the recording itself, heard in the video; None where there is only `audio`.
    """

    animation: Animation
    audio: torch.Tensor
    audio_path: Path | None = None

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(self.animation)

    @property
    def n_frames(self) -> int:
        return self.animation.timeline.n_frames

    def save(self, path: str | Path, lossless: bool = False) -> int:
        """Makes the clip and writes it, sound included, while it is made.

        Args:
            path: an .mp4, .mkv or .mov file, or a folder for a PNG sequence.

        Returns:
            The frames written. Interrupted, it leaves a playable file of what is done.

        Raises:
            KeyFaceError: the place cannot be written to, or the disk is full.
        """
        check_output(path, lossless)
        side = self.animation.models.image_size
        sound = self.audio_path if self.audio_path is not None else self.audio
        with VideoWriter(
            path, side, side, audio=sound, sample_rate=SAMPLE_RATE, n_frames=self.n_frames, lossless=lossless
        ) as writer:
            for frames in self:
                writer.write(frames)
        return self.n_frames


class KeyFace:
    """The two-stage pipeline with its models loaded."""

    def __init__(self, models: Models):
        self.models = models

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        offload: bool = False,
    ) -> "KeyFace":
        """Loads a model folder, or a Hugging Face hub repository of that layout by its id.

        Args:
            name: a folder, or "owner/repository", which is downloaded once into the hub's cache;
                None is the small model in the box.
            device: None takes the best there is.
            dtype: None takes float32 on the CPU and bfloat16 elsewhere.
            offload: keep only the networks at work on the device (for cards with little memory).

        Raises:
            KeyFaceError: no such folder or repository, or its files are not KeyFace's.
        """
        device = torch.device(device or best_device())
        folder = small.FOLDER if name is None else _folder(name)
        return cls(load_models(folder, device, dtype, offload))

    def animate(
        self,
        image: str | Path | torch.Tensor,
        audio: str | Path | torch.Tensor,
        emotion: str | EmotionCurve = "neutral",
        settings: Settings | None = None,
        progress: Progress | None = None,
        audio_progress: Progress | None = None,
        **options,
    ) -> Clip:
        """Plans a clip as long as the audio; frames are made as it is iterated or saved.

        Args:
            image: a picture file, or (3, h, w) in [-1, 1].
            audio: a sound file, or (samples,) mono 16 kHz in [-1, 1].
            emotion: a curve, or text that `emotion_text.parse_emotion` reads.
            settings: how it is sampled; by default as the model files ask for.
            progress: called with (done, total) network calls; may raise to interrupt.
            audio_progress: called with (done, total) windows of audio encoding, which happens right here.
            options: single settings by name, see `settings.settings_from`.

        Raises:
            KeyFaceError: an input is unusable; the message says which and why.
        """
        models = self.models
        curve = emotion if isinstance(emotion, EmotionCurve) else parse_emotion(emotion)
        settings = settings_from(settings or models.default_settings(), **options)
        picture = image if isinstance(image, torch.Tensor) else load_image(image)
        waveform = audio if isinstance(audio, torch.Tensor) else load_audio(audio)
        identity = self.encode_portrait(picture)
        features = self.encode_audio(waveform, audio_progress)
        if settings.batch is None:
            settings = replace(settings, batch=measure(models).batch)
        animation = Animation(models, identity, features, curve, settings, progress)
        path = None if isinstance(audio, torch.Tensor) else Path(audio)
        return Clip(animation, waveform, path)

    def encode_portrait(self, image: torch.Tensor) -> torch.Tensor:
        """Unscaled identity latent (4, h, w) of a picture (3, H, W) in [-1, 1], cropped to its centre."""
        self.models.bring(self.models.vae)
        return self.models.vae.encode_image(square(image, self.models.image_size)[None])[0].cpu()

    def encode_audio(self, waveform: torch.Tensor, progress: Progress | None = None) -> AudioFeatures:
        """Features of mono 16 kHz audio (samples,) for all encoders the networks hear."""
        encoders = self.models.encoders
        self.models.bring(*encoders.values())
        features = encode_audio(waveform, encoders, progress)
        for encoder in encoders.values():  # not needed again for this clip
            encoder.to("cpu")
        return features


def best_device() -> str:
    """ "cuda", "mps" or "cpu", the first that works here."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _folder(name: str | Path) -> Path:
    folder = Path(name)
    if folder.exists() or isinstance(name, Path) or name.count("/") != 1 or name.startswith((".", "/", "~")):
        return folder.expanduser()
    return _download(name)


def _download(repository: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, allow_patterns=["*.safetensors", "*.pt", "*.json"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise KeyFaceError(
            f"{repository}: no such folder, and it could not be had from the Hugging Face hub either "
            f"({type(error).__name__}); check the name and the connection, or download it and name its folder"
        ) from error
