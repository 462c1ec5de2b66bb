"""The task of training a keyframe or interpolation network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..data.shards import MOST_BROKEN, BrokenClipError, Clip, ClipIndex
from ..errors import KeyFaceError
from ..networks.network import Network
from ..networks.vae import KeyFaceVAE, load_vae
from ..weights.architecture import EMOTION_DIM, IN_CHANNELS, PROJECTION, standard_name
from ..weights.checkpoint import read_checkpoint, write_checkpoint
from ..weights.metadata import Metadata
from ..weights.vae_parts import bare_vae
from .config import Config, NetworkSizes
from .examples import SequenceExamples
from .lora import add_lora, write_lora
from .perceptual import load_perceptual
from .preview import network_preview
from .step import NetworkStep, is_temporal, start_from
from .task import Task

ROLES = {"keyframes": "keyframe", "interpolation": "interpolation"}


@dataclass(frozen=True)
class DataFacts:
    """What of a network the data decides.

    Attributes:
        latent_size: (h, w) of the latents.
        audio_features: width of all encoders' features side by side.
        image_size: side of the frames in pixels.
        rows: shape of a single frame, by array.
    """

    latent_size: tuple[int, int]
    audio_features: int
    image_size: int
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def network_task(stage: str, config: Config, clips: ClipIndex) -> Task:
    """Everything a run of `stage`, "keyframes" or "interpolation", trains and trains with.

    Raises:
        KeyFaceError: weights it needs cannot be read or do not fit, or no clip has what it needs.
    """
    role = ROLES[stage]
    facts = data_facts(clips, config.network.encoders)
    network = initial_network(role, config, facts)
    network.requires_grad_(True)
    trained = dict(network.named_parameters())
    if config.lora.rank:
        trained = add_lora(network, config.lora, config.run.seed)
    elif config.network.freeze_temporal:
        names = network.released_names()
        for name in [name for name in trained if is_temporal(names[name])]:
            trained.pop(name).requires_grad_(False)
    if config.optimizer.checkpointing:
        network.unet.enable_gradient_checkpointing()
    loss = config.loss
    vae = _decoder(loss.vae, facts) if loss.vae else None
    perceptual = load_perceptual(loss.lpips) if loss.pixel_lpips else None
    if vae is not None and config.optimizer.checkpointing:
        vae.enable_gradient_checkpointing()
    examples = SequenceExamples(
        stage,
        config.network.encoders,
        config.noise,
        config.dropping,
        pixel_frames=loss.pixel_frames if loss.on_pixels else 0,
        anchor=config.data.anchor,
        cut_short=config.data.cut_short,
        rows=facts.rows,
    )

    def export(folder: Path, training: dict) -> Path:
        if config.lora.rank:
            return write_lora(folder / "lora.safetensors", network, config.lora, training)
        return export_network(folder, network, facts, config.network, training)

    def export_reduced(folder: Path, training: dict) -> Path:
        return export_network(folder, network, facts, config.network, training, reduced=True)

    return Task(
        step=NetworkStep(network, loss, vae, perceptual),
        trained=trained,
        make=examples,
        export=export,
        frozen=tuple(module for module in (vae, perceptual) if module is not None),
        export_reduced=export_reduced if role == "interpolation" and not config.lora.rank else None,
        preview=network_preview(network, vae, examples, clips, config) if vae is not None else None,
    )


def data_facts(clips: ClipIndex, encoders: tuple[str, ...]) -> DataFacts:
    """Reads the first whole clip.

    Raises:
        KeyFaceError: no clip is whole, or it lacks the features of an encoder.
    """
    clip = first_clip(clips)
    try:
        latents = clip.array("latents")
        features = sum(clip.array(name).shape[-1] for name in encoders)
    except BrokenClipError as broken:
        have = ", ".join(clip.arrays)
        raise KeyFaceError(
            f"data.shards: clip '{clip.key}' {broken} (it has {have}); write the shards with it, "
            "or name other network.encoders"
        ) from broken
    rows = {name: array.shape[1:] for name, array in clip.arrays.items()}
    return DataFacts(latents.shape[-2:], features, clip.facts["image_size"], rows)


def first_clip(clips: ClipIndex) -> Clip:
    """The first clip that can be read; raises KeyFaceError where none can."""
    reason = ""
    for index in range(min(len(clips), MOST_BROKEN)):
        try:
            return clips.read(index)
        except BrokenClipError as broken:
            reason = reason or str(broken)
    which = "no clip" if len(clips) <= MOST_BROKEN else f"none of the first {MOST_BROKEN:,} clips"
    raise KeyFaceError(f"data.shards: {which} can be read, the first because: {reason}")


def initial_network(role: str, config: Config, facts: DataFacts) -> Network:
    """The network before its first update: random by the run's seed, or from `network.start`."""
    sizes = network_sizes(role, config.network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.run.seed)
        network = Network(role, sizes, facts.audio_features, facts.latent_size)
    if config.network.start:
        _start(network, config)
    return network


def network_sizes(role: str, settings: NetworkSizes) -> dict:
    """Sizes of a network as its metadata holds them (`architecture.unet_sizes`)."""
    width = settings.context_dim
    return {
        "model_channels": settings.model_channels,
        "channel_mult": list(settings.channel_mult),
        "num_res_blocks": settings.num_res_blocks,
        "attention_resolutions": list(settings.attention_resolutions),
        "num_head_channels": settings.num_head_channels,
        "context_dim": width,
        "audio_dim": width,
        "in_channels": IN_CHANNELS[role],
        "vector_dim": width + EMOTION_DIM if role == "keyframe" else width,
    }


def export_network(
    folder: Path,
    network: Network,
    facts: DataFacts,
    settings: NetworkSizes,
    training: dict,
    reduced: bool = False,
) -> Path:
    """Writes `<role>.safetensors` in half precision; the reduced network leaves the audio layer out."""
    role = "reduced" if reduced else network.role
    guidance = {
        "keyframe": {"audio": settings.guidance_audio, "identity": settings.guidance_identity},
        "interpolation": {"auto": settings.guidance_auto},
        "reduced": {},
    }[role]
    state = {name: tensor.detach().half().cpu() for name, tensor in network.released_state().items()}
    if reduced:
        projection = PROJECTION[network.role]
        state = {name: tensor for name, tensor in state.items() if not name.startswith(projection)}
    metadata = Metadata(
        role,
        unet=network.sizes,
        image_size=facts.image_size,
        encoders=list(settings.encoders),
        guidance=guidance,
        training=training,
    )
    path = folder / f"{role}.safetensors"
    write_checkpoint(path, state, metadata)
    return path


def _start(network: Network, config: Config) -> None:
    path, heads = config.network.start, config.network.num_head_channels
    checkpoint = read_checkpoint(path)
    found = (checkpoint.metadata.unet or {}).get("num_head_channels", heads)
    if found != heads:
        raise KeyFaceError(f"{path} has attention heads of {found}; set network.num_head_channels to that")
    tensors = {standard_name(name, network.role): tensor for name, tensor in checkpoint.state_dict.items()}
    random = start_from(network, tensors, path)
    if random and config.lora.rank:
        raise KeyFaceError(f"{path} has no {random[0]} that fits; lora.rank needs a whole network to add to")


def _decoder(path: str, facts: DataFacts) -> KeyFaceVAE:
    tensors: Mapping[str, torch.Tensor] = bare_vae(read_checkpoint(path).state_dict)
    if not any(name.startswith("decoder.") for name in tensors):
        raise KeyFaceError(f"{path} holds no autoencoder with a decoder; name one as loss.vae")
    vae = load_vae(tensors, path).float()
    latent, pixels = facts.latent_size[0], facts.image_size
    if latent * vae.factor != pixels:
        raise KeyFaceError(
            f"{path} has {vae.factor} pixels to a latent and the clips {pixels} to {latent}; "
            "name the autoencoder that encoded them as loss.vae"
        )
    return vae
