"""Does the method do what the paper says? Comparisons of variants that `toyworld_variants` trained."""

from collections.abc import Callable
from dataclasses import replace
from statistics import mean, median

import torch
from toyworld_findings import MOUTH, TYPICAL_MOUTH
from toyworld_talk import Table, keyframes_again, made_again, portrait, to_compare
from toyworld_variants import (
    BUDGET,
    FOLDER,
    labelled,
    next_frame_conditioning,
    silence_context,
    silence_timestep,
)

from keyface_lib.clip.samplers import sample
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.conditioning import keyframe_conditioning
from keyface_lib.method.denoiser import LATENT_SCALE, denoise
from keyface_lib.method.emotion import EmotionCurve, Point
from keyface_lib.method.guidance import auto_weights, guided_denoiser
from keyface_lib.method.merging import to_bytes
from keyface_lib.method.noise import unit_noise
from keyface_lib.method.timeline import FPS, Timeline
from keyface_lib.networks.network import Network, load_network
from keyface_lib.pipeline import KeyFace
from keyface_lib.toyworld import ToyClip, measure
from keyface_lib.toyworld.measure import Measurements
from keyface_lib.toyworld.scores import pearson
from keyface_lib.weights.checkpoint import read_checkpoint

CLIPS, SECONDS = 12, 6.2  # one window
LONG_CLIPS, LONG_SECONDS = 2, 60.0
UNGUIDED = {"audio_scale": 1.0, "identity_scale": 1.0}
SPLIT_GUIDED = {"audio_scale": 2.0, "identity_scale": 1.0}
LEVELS = 255


def audio_injection(keyface: KeyFace) -> Table:
    """Table 11: how the keyframes hear."""
    networks = {
        "cross-attention": variant("cross-attention"),
        "timestep": variant("timestep"),
        "both": variant("unchanged"),
    }
    silence_timestep(networks["cross-attention"])
    silence_context(networks["timestep"])
    rows = []
    for name, network in networks.items():
        seen, clips = _keyframes(_with(keyface, keyframe=network))
        rows.append([name, *(_follows(seen, clips, quantity) for quantity in ("opening", "width"))])
    title = "How keyframes hear (Table 11: both are best, and without the timestep lips follow least)"
    return title, ["audio through", "mouth opening r", "mouth width r"], rows


def emotion_labels(keyface: KeyFace) -> Table:
    """Table 2: what the keyframes are told of feelings."""
    rows = []
    for name, told in (("unchanged", None), ("labels", labels_of)):
        seen, clips = _keyframes(_with(keyface, keyframe=variant(name)), told)
        row = [_follows(seen, clips, quantity) for quantity in ("smile", "brow", "eye")]
        rows.append(["valence and arousal" if name == "unchanged" else "the nearest of eight labels", *row])
    title = "What keyframes are told of feelings (Table 2: continuous values express them better than labels)"
    return title, ["told", "smile r", "brow r", "eye r"], rows


def autoregression(keyface: KeyFace) -> Table:
    """Figure 3: what a minute does to who is shown."""
    two_stages = _with(
        keyface, keyframe=variant("keyframes"), interpolation=variant("interpolation"), reduced=None
    )
    clips = [to_compare(number, LONG_SECONDS, keyface.models.image_size) for number in range(LONG_CLIPS)]
    made = {
        "two stages": [made_again(two_stages, clip, **UNGUIDED) for clip in clips],
        "frame by frame": frame_by_frame(keyface, variant("autoregression"), clips),
        "the truth": [clip.frames for clip in clips],
    }
    rows = []
    for name, videos in made.items():
        seen = [measure(video) for video in videos]
        away = torch.stack([_distance(m, clip) for m, clip in zip(seen, clips, strict=True)]).mean(dim=0)
        seconds = away.reshape(-1, FPS).mean(dim=1)
        time = torch.arange(len(seconds), dtype=torch.float) - (len(seconds) - 1) / 2
        drift = float((time * seconds).sum() / time.square().sum())
        follows = mean(
            pearson(m.opening.nan_to_num(), clip.truth["opening"])
            for m, clip in zip(seen, clips, strict=True)
        )
        rows.append([name, float(seconds[0]), float(seconds[-1]), drift, follows])
    title = f"A minute in two stages and frame by frame (Figure 3: others drift), {2 * BUDGET} updates in all"
    return title, ["made", "second 1, /255", "second 60, /255", "drift a second, /255", "mouth r"], rows


def keyframe_autoguidance(keyface: KeyFace) -> Table:
    """Table 7, lower half: what guides the keyframes of the full model."""
    guide = variant("keyframes")
    rows = []
    for name, options in (("nothing", UNGUIDED), ("split guidance", SPLIT_GUIDED)):
        seen, clips = _keyframes(keyface, **options)
        rows.append([name, *_mouths(seen, clips), _far(seen, clips)])
    for auto_scale in (1.5, 2.0):
        clips = _clips(keyface)
        seen = [measure(autoguided_keyframes(keyface, guide, clip, auto_scale)) for clip in clips]
        rows.append([f"autoguidance {auto_scale:g}", *_mouths(seen, clips), _far(seen, clips)])
    title = "Guiding the keyframes (Table 7: autoguidance aligns them worse with the audio)"
    return title, ["guided by", MOUTH, TYPICAL_MOUTH, "identity distance, /255"], rows


def variant(name: str) -> Network:
    """The keyframe or interpolation network of a trained variant.

    Raises:
        KeyFaceError: it was not trained.
    """
    found = [FOLDER / name / f"{role}.safetensors" for role in ("keyframe", "interpolation")]
    found = [path for path in found if path.is_file()]
    if not found:
        raise KeyFaceError(
            f"{FOLDER / name} has no weights; python benchmarks/toyworld_variants.py trains them"
        )
    return load_network(read_checkpoint(found[0]), str(found[0])).float()


def labels_of(curve: EmotionCurve, n_frames: int) -> EmotionCurve:
    """The curve of the nearest label of every frame."""
    lanes = labelled(*curve.at_frames(n_frames))
    return EmotionCurve(
        *(tuple(Point(i / FPS, value, "hold") for i, value in enumerate(lane.tolist())) for lane in lanes)
    )


@torch.inference_mode()
def frame_by_frame(keyface: KeyFace, network: Network, clips: list[ToyClip]) -> list[torch.Tensor]:
    """What the autoregressive network makes of clips, from their portraits: (frames, size, size, 3) each."""
    identity = torch.stack([keyface.encode_portrait(portrait(clip)) for clip in clips])[:, None]
    heard = [keyface.encode_audio(clip.waveform).select(keyface.models.keyframe_encoders) for clip in clips]
    tokens = network.tokens(torch.stack(heard))
    valence, arousal = (
        torch.stack([getattr(clip, name) for clip in clips]) for name in ("valence", "arousal")
    )
    former, made = identity, []
    g = torch.Generator().manual_seed(0)
    for frame in range(tokens.shape[1]):
        now = slice(frame, frame + 1)
        seen = next_frame_conditioning(identity, former, tokens[:, now], valence[:, now], arousal[:, now])

        def denoiser(x: torch.Tensor, sigma: float, seen=seen) -> torch.Tensor:
            return denoise(network.unet, x, torch.full((len(x),), sigma), seen)

        former = sample(denoiser, torch.randn(identity.shape, generator=g)) / LATENT_SCALE
        made.append(former[:, 0])
    latents = torch.stack(made, dim=1)
    return [
        to_bytes(torch.cat([keyface.models.vae.decode_frames(p) for p in clip.split(FPS)]))
        for clip in latents
    ]


@torch.inference_mode()
def autoguided_keyframes(keyface: KeyFace, guide: Network, clip: ToyClip, auto_scale: float) -> torch.Tensor:
    """The keyframes of a clip of one window under eq. 5: (keyframes, size, size, 3) uint8."""
    timeline = Timeline(len(clip.frames))
    frames = timeline.window_frames()
    identity = keyface.encode_portrait(portrait(clip))[None]
    heard = keyface.encode_audio(clip.waveform).select(keyface.models.keyframe_encoders, frames)
    felt = clip.valence[frames], clip.arousal[frames]
    branches = [
        (network.unet, keyframe_conditioning(identity, network.tokens(heard), *felt))
        for network in (guide, keyface.models.keyframe)
    ]
    guided = guided_denoiser(branches, lambda _sigma: auto_weights(auto_scale))
    noise = unit_noise(0, "keyframes", range(1), *identity.shape[1:])
    latents = sample(guided, noise)[0] / LATENT_SCALE
    shown = latents[1 : 1 + len(timeline.keyframe_frames())]
    return to_bytes(keyface.models.vae.decode_frames(shown))


def _with(keyface: KeyFace, **networks: Network | None) -> KeyFace:
    return KeyFace(replace(keyface.models, **networks))


def _clips(keyface: KeyFace) -> list[ToyClip]:
    return [to_compare(number, SECONDS, keyface.models.image_size) for number in range(CLIPS)]


def _keyframes(
    keyface: KeyFace, told: Callable[[EmotionCurve, int], EmotionCurve] | None = None, **options
) -> tuple[list[Measurements], list[ToyClip]]:
    """What the keyframes of held-out clips show, `told` being what they are told of the clip's feelings."""
    options = UNGUIDED | options
    clips, seen = _clips(keyface), []
    for clip in clips:
        curve = clip.performance.emotion
        curve = curve if told is None else told(curve, len(clip.frames))
        frames, _ = keyframes_again(keyface, clip, curve, **options)
        seen.append(measure(frames))
    return seen, clips


def _follows(seen: list[Measurements], clips: list[ToyClip], quantity: str) -> float:
    """How a quantity of all keyframes together correlates with the truth."""
    shown = Timeline(len(clips[0].frames)).keyframe_frames()
    measured = torch.cat([getattr(m, quantity) for m in seen])
    return pearson(measured, torch.cat([clip.truth[quantity][shown] for clip in clips]))


def _mouths(seen: list[Measurements], clips: list[ToyClip]) -> tuple[float, float]:
    """How mouths follow over all keyframes together, and in the median clip."""
    shown = Timeline(len(clips[0].frames)).keyframe_frames()
    each = [pearson(m.opening, clip.truth["opening"][shown]) for m, clip in zip(seen, clips, strict=True)]
    return _follows(seen, clips, "opening"), median(each)


def _far(seen: list[Measurements], clips: list[ToyClip]) -> float:
    """How far the keyframes' colours and shapes are from the portrait's, of 255."""
    return mean(float(_distance(m, clip).mean()) for m, clip in zip(seen, clips, strict=True))


def _distance(seen: Measurements, clip: ToyClip) -> torch.Tensor:
    """The mean distance of a frame's colours and shapes to the portrait's, (frames,) of 255."""
    person = measure(to_bytes(portrait(clip)[None])).identity()
    return LEVELS * (seen.identity() - person).abs().mean(dim=1)
