"""The library's front door: a portrait and a recording in, a clip out."""

import os
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch

from . import small
from .audio.arriving import HEARING_S
from .audio.containers import RATES
from .audio.features import AudioFeatures, encode_audio
from .clip.animate import Animation
from .clip.asked import redos_of
from .clip.background import Background, check_moves, followed
from .clip.clip import Clip, Progress
from .clip.cost import measure
from .clip.devices import best_device, device_of, dtype_of
from .clip.group import Group
from .clip.inputs import BACKGROUNDS, HUB, check_model, check_progress, hub_id
from .clip.kept import kept_features, kept_latent
from .clip.live import Live
from .clip.material import (
    Feeling,
    Material,
    Picture,
    Recording,
    feeling_of,
    framed_picture,
    picture_of,
    read_material,
    sound_of,
)
from .clip.models import Models, load_models
from .clip.people import Person, materials_of
from .clip.settings import Settings, settings_from
from .errors import KeyFaceError
from .media.image import square
from .media.sound import Block
from .method.batching import memory_for
from .method.emotion import EmotionCurve
from .method.holding import kept_keyframes
from .method.redo import Redo
from .method.tensors import check_finite
from .method.timeline import FPS, SAMPLE_RATE, Timeline, frames_in
from .method.values import LARGEST_SEED, choice, whole, yes_or_no
from .portrait.finding import Which
from .portrait.framing import LONGEST_SIDE, Box, Framing, at_most, central, cropped
from .portrait.pasting import Pasting, in_bytes
from .weights.knowing import said_of_strange
from .work.folder import WorkFolder, opened
from .work.keys import fingerprint
from .work.store import Store

__all__ = ["Clip", "Group", "KeyFace", "Person", "best_device"]

_IN_FP32 = "try fp32; if it is that already, its weights or its input are broken"


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
        face: Box | Which | None = None,
        full_frame: bool = False,
        held: Mapping[int, torch.Tensor] | torch.Tensor | None = None,
        reroll: Collection[int] = (),
        silence_gate: bool = False,
        at: float | None = None,
        background: str = "still",
        work: WorkFolder | str | os.PathLike | None = None,
        redo: Sequence[str] = (),
        **options,
    ) -> Clip:
        """Plans a clip as long as the audio; frames are made as it is iterated or saved.

        docs/inputs.md says all that is taken; everything is looked at before anything is computed.

        Args:
            image: a picture or video file, a PIL image, a NumPy array, or a tensor (3, h, w) in [-1, 1].
            audio: a sound file, or (samples,) or (channels, samples) in [-1, 1].
            emotion: a curve, or text that `emotion_file.parse_emotion` reads.
            settings: how it is sampled; by default as the model files ask for.
            progress: called with (done, total) network calls; may raise to interrupt.
            audio_progress: called with (done, total) windows of audio encoding, which happens right here.
            sample_rate: of audio that is no file, in Hz.
            normalize: brings what the face hears, not what people hear, to the level of a usual recording.
            face: the square of the picture that is animated, (x, y, width, height) in pixels of the picture,
                upright; or the face that a detector shall find: "largest", its number from the left, or the
                nearest to (x, y). None is the central square.
            full_frame: frames are the whole picture with the square moving in it, not the square alone; one
                with a side of more than `LONGEST_SIDE` pixels is made that small.
            held: keyframes that stay as they are, unscaled latents (4, h, w) by number from 0 on, or
                (keyframes, 4, h, w) of a whole clip; the others are sampled around them.
            reroll: numbers of keyframes to sample anew though `held` has them; give another `seed`.
            silence_gate: mutes what is neither said nor voiced in what the face hears, not in the video, so
                that noise moves no mouth (`audio.silence_gate`).
            at: seconds of a video at which it shows the picture that is animated; None is its first.
            background: "moving" follows the face through the video that `image` names and lays it into its
                frames, which happens in part right here; frames are the whole picture then.
            work: a folder that keeps what is finished. Another run with it goes on from there, and makes only
                what changed settings touch; see docs/long.md.
            redo: passages such as "12.0-15.5" (seconds) to make again with a new seed, of a clip in `work`;
                "none" takes back those of former runs.
            options: single settings by name, see `settings.settings_from`.

        Raises:
            KeyFaceError: an input is unusable; the message says which and why.
        """
        settings = settings_from(self.models.default_settings() if settings is None else settings, **options)
        check_progress("progress", progress)
        check_progress("audio_progress", audio_progress)
        moving = choice("background", background, BACKGROUNDS) == "moving"
        if moving:
            check_moves(image)
        material = read_material(image, audio, emotion, sample_rate, normalize, face, silence_gate, at)
        behind = followed(cast(str, image), material, at or 0.0) if moving else None
        return self.plan(
            material,
            settings,
            progress,
            audio_progress,
            full_frame,
            held,
            reroll,
            behind,
            opened(work),
            redo,
        )

    def animate_arriving(
        self,
        image: Picture,
        sound: Iterable[torch.Tensor | np.ndarray],
        emotion: Feeling | Callable[[], EmotionCurve] = "neutral",
        settings: Settings | None = None,
        *,
        sample_rate: int = SAMPLE_RATE,
        face: Box | Which | None = None,
        full_frame: bool = False,
        hearing_s: float = HEARING_S,
        **options,
    ) -> Live:
        """A clip of sound that is still arriving; frames come as soon as no later sound can change them.

        With a batch of 1 they are the frames, bit by bit, that `animate` makes of the whole sound, where the
        encoders hear only a little around each moment (log mel). docs/long.md says what differs with others.

        Args:
            sound: pieces as they arrive, (samples,) or (channels, samples) in [-1, 1].
            emotion: see `animate`; or a function that gives the curve as far as it is known, for one that
                grows. It is asked whenever frames are made.
            sample_rate: of the pieces, in Hz.
            settings, face, full_frame, options: see `animate`. `keyframes_per_window` trades quality for
                delay.
            hearing_s: seconds of sound that an encoder hears at once.

        Raises:
            KeyFaceError: an input is unusable, or no sound arrives.
        """
        rate = whole("sample_rate", sample_rate, *RATES)
        pieces = (sound_of(piece).numpy() for piece in sound if 0 not in getattr(piece, "shape", ()))
        blocks = ((rate, "unknown", np.atleast_2d(piece)) for piece in pieces)
        settings = settings_from(self.models.default_settings() if settings is None else settings, **options)
        feeling = emotion if callable(emotion) else partial(feeling_of, emotion)
        feeling()  # what is wrong with it shows now
        picture, _, framing = framed_picture(image, face)
        return self.plan_arriving(picture, framing, blocks, feeling, settings, full_frame, hearing_s)

    def plan_arriving(
        self,
        picture: torch.Tensor,
        framing: Framing | None,
        blocks: Iterable[Block],
        feeling: Callable[[], EmotionCurve],
        settings: Settings,
        full_frame: bool = False,
        hearing_s: float = HEARING_S,
    ) -> Live:
        """Plans a clip of what has been read, and of blocks of sound that arrive; see `animate_arriving`."""
        pasting = self._pasting(picture, framing) if full_frame else None
        identity = self._encode_portrait(picture, framing, None)
        if settings.batch is None:
            settings = replace(settings, batch=measure(self.models).batch)
        return Live(self.models, identity, blocks, feeling, settings, hearing_s, pasting)

    def plan(
        self,
        material: Material,
        settings: Settings,
        progress: Progress | None = None,
        audio_progress: Progress | None = None,
        full_frame: bool = False,
        held: Mapping[int, torch.Tensor] | torch.Tensor | None = None,
        reroll: Collection[int] = (),
        background: Background | None = None,
        work: WorkFolder | None = None,
        redo: Sequence[str] = (),
    ) -> Clip:
        """Plans a clip of what has been read; see `animate`.

        Args:
            background: see `clip.background.followed`.
        """
        redos = redos_of(work, redo, frames_in(len(material.waveform)) / FPS, settings.seed)
        return self._plan(
            material, settings, progress, audio_progress, full_frame, held, reroll, background, work, redos
        )

    def _plan(
        self,
        material: Material,
        settings: Settings,
        progress: Progress | None,
        audio_progress: Progress | None,
        full_frame: bool,
        held: Mapping[int, torch.Tensor] | torch.Tensor | None,
        reroll: Collection[int],
        background: Background | None,
        work: WorkFolder | None,
        redos: Sequence[Redo],
    ) -> Clip:
        models, picture, framing = self.models, material.picture, material.framing
        side = models.image_size // models.vae.factor
        timeline = Timeline(frames_in(len(material.waveform)), settings.keyframes.keyframes_per_window)
        held = kept_keyframes(held, reroll, timeline, (4, side, side))
        pasting = self._pasting(picture, framing) if yes_or_no("full_frame", full_frame) else None
        if background is not None:
            pasting = background.pasting(models.image_size)
        store = None if work is None else work.store
        identity = self._encode_portrait(picture, framing, store)
        features = self._encode_audio(material.waveform, audio_progress, store)
        cost = None
        if settings.batch is None and work is not None and work.manifest.batch:
            # Results are kept in batches, see `Animation.segments`.
            settings = replace(settings, batch=work.manifest.batch)
        if settings.batch is None:
            cost = measure(models, sequences=Timeline(features.n_frames).n_segments)
            settings = replace(settings, batch=cost.batch)
        animation = Animation(
            models, identity, features, material.curve, settings, progress, held, (), redos, store
        )
        return Clip(
            animation,
            material.waveform,
            material.audio_path,
            material.sound,
            material.sound_rate,
            cost,
            pasting,
            background=background,
            work=work,
        )

    def _pasting(self, picture: torch.Tensor, framing: Framing | None) -> Pasting:
        whole, place = at_most(picture, framing or central(*picture.shape[-2:]), LONGEST_SIDE)
        return Pasting(in_bytes(whole), place, self.models.image_size)

    def animate_people(
        self,
        image: Picture,
        people: Sequence[Person],
        settings: Settings | None = None,
        *,
        apart: bool = False,
        progress: Progress | None = None,
        audio_progress: Progress | None = None,
        silence_gate: bool = False,
        work: WorkFolder | str | os.PathLike | None = None,
        redo: Sequence[str] = (),
        **options,
    ) -> Group:
        """Plans a clip of several faces in one picture, each with its own recording and feeling.

        It is as long as the longest recording; whose ends sooner goes on in silence. Frames are the whole
        picture. The first person is animated with the seed of the settings, the second with the next one.

        Args:
            image: see `animate`.
            people: from two on, each with the square of its face.
            apart: hear the first person on the left and the last one on the right, the others between;
                otherwise everybody is heard where their recordings have them.
            settings, progress, audio_progress, silence_gate, work, redo, options: see `animate`; windows are
                counted person by person.

        Raises:
            KeyFaceError: an input or option is not one of the above, or two people have the same face.
        """
        settings = settings_from(self.models.default_settings() if settings is None else settings, **options)
        check_progress("progress", progress)
        check_progress("audio_progress", audio_progress)
        apart = yes_or_no("apart", apart)
        materials = materials_of(image, people, silence_gate=silence_gate)
        return self.plan_people(materials, settings, apart, progress, audio_progress, opened(work), redo)

    def plan_people(
        self,
        materials: Sequence[Material],
        settings: Settings,
        apart: bool = False,
        progress: Progress | None = None,
        audio_progress: Progress | None = None,
        work: WorkFolder | None = None,
        redo: Sequence[str] = (),
    ) -> Group:
        """Plans a clip of people who have been read, see `animate_people`."""
        clips: list[Clip] = []
        seconds = max(frames_in(len(material.waveform)) for material in materials) / FPS
        redos = redos_of(work, redo, seconds, settings.seed)
        for number, material in enumerate(materials):
            seed = settings.seed + number
            own = replace(settings, seed=seed if seed <= LARGEST_SEED else seed - 2**64)
            clips.append(self._plan(material, own, None, audio_progress, True, None, (), None, work, redos))
            settings = replace(settings, batch=clips[0].animation.settings.batch)
        group = Group(tuple(clips), apart)
        group.report_to(progress)
        return group

    def encode_portrait(self, image: Picture, framing: Framing | None = None) -> torch.Tensor:
        """Unscaled identity latent (4, h, w) of a square of a picture, by default the central one.

        Warns where the models do not know such pictures.

        Raises:
            KeyFaceError: it is no picture (see `animate`), or its latent is not a number.
        """
        return self._encode_portrait(picture_of(image), framing, None)

    def _encode_portrait(
        self, picture: torch.Tensor, framing: Framing | None, store: Store | None
    ) -> torch.Tensor:
        size, vae = self.models.image_size, self.models.vae
        face = (square(picture, size) if framing is None else cropped(picture, framing, size))[None]
        weights = None if store is None else fingerprint(vae.state_dict())
        return kept_latent(store, partial(self._latent, face), face, weights)

    def _latent(self, picture: torch.Tensor) -> torch.Tensor:
        models = self.models
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
        return self._encode_audio(sound_of(waveform, channels=False), progress, None)

    def _encode_audio(
        self, waveform: torch.Tensor, progress: Progress | None, store: Store | None
    ) -> AudioFeatures:
        models = self.models
        encode = encode_audio if store is None else partial(kept_features, store)
        try:
            features = encode(waveform, models.encoders, progress, load=models.load_to_device)
        finally:  # not needed again for this clip
            models.unload(*models.encoders.values())
        for name, encoded in features.by_encoder.items():
            check_finite(encoded, f"the output of {name}", _IN_FP32)
        return features


def _folder(name: str | Path) -> Path:
    repository = hub_id(name)
    return Path(name).expanduser() if repository is None else _download(repository)


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
