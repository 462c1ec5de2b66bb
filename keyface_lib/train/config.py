"""What a training run is, as a TOML file says it; the defaults are the paper's (section 3.6, Table 8)."""

import difflib
import sys
import types
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from ..errors import KeyFaceError

STAGES = ("keyframes", "interpolation", "reduced", "vae")


def _within(low: float, high: float = float("inf"), **default) -> Any:
    """A field whose number, or each of whose numbers, lies in [low, high]."""
    return field(metadata={"within": (low, high)}, **default)


def _one_of(*choices: str, default: str) -> Any:
    return field(default=default, metadata={"choices": choices})


@dataclass(frozen=True)
class Run:
    """Where a run lives and how long it is.

    Attributes:
        folder: for the resume state, weights, samples and logs.
        steps: updates of the weights.
        seed: determines the first weights, and with a sample's place in the run everything random about it.
        save_every, sample_every, log_every: steps between resume states, sample videos (0: none), log lines.
        note: goes into the metadata of the weights.
    """

    folder: str
    steps: int = _within(1, default=60_000)
    seed: int = _within(0, default=0)
    save_every: int = _within(1, default=1_000)
    sample_every: int = _within(0, default=1_000)
    log_every: int = _within(1, default=50)
    note: str = ""


@dataclass(frozen=True)
class Data:
    """The clips.

    Attributes:
        shards: patterns of tar files (docs/training.md says what is in them).
        workers: processes that read, for each training process.
        anchor: show any frame of the clip in slot 0 of keyframe sequences, as sampling shows the first one
            there (`timeline.Timeline.window_frames`). The released code trains without.
    """

    shards: tuple[str, ...]
    workers: int = _within(0, default=2)
    anchor: bool = False


@dataclass(frozen=True)
class NetworkSizes:
    """The network; the defaults are the full size. What data decides (features, latents) is read off it.

    Attributes:
        encoders: audio encoders whose features the network hears, in this order.
        start: weights to start from: SVD's or any KeyFace network's; without, random ones.
        freeze_temporal: leave the temporal layers as they are in `start` (the released recipe).
        guidance_audio, guidance_identity, guidance_auto: default scales for the metadata of the weights.
    """

    encoders: tuple[str, ...] = ("wavlm", "beats")
    start: str = ""
    freeze_temporal: bool = False
    model_channels: int = _within(32, default=320)
    channel_mult: tuple[int, ...] = _within(1, default=(1, 2, 4, 4))
    num_res_blocks: int = _within(1, default=2)
    attention_resolutions: tuple[int, ...] = _within(1, default=(4, 2, 1))
    num_head_channels: int = _within(1, default=64)
    context_dim: int = _within(1, default=1024)
    guidance_audio: float = 5.0
    guidance_identity: float = 2.0
    guidance_auto: float = 2.0


@dataclass(frozen=True)
class Loss:
    """Eq. 3.

    Attributes:
        latent: the distance of latents.
        lambda_lower: weight of the lower half of the picture.
        lower_on_pixels: whether it weights the pixel losses too, as eq. 3 says; the released code leaves it
            off there.
        pixel_l2, pixel_l1, pixel_lpips: weights of the pixel losses; they need `vae`.
        pixel_frames: random frames of a sequence that are decoded for them.
        vae: the autoencoder's weights; sample videos need it too.
        lpips: weights of LPIPS-VGG, in one file or in two (VGG16 and the linear layers).
    """

    latent: str = _one_of("l2", "l1", default="l2")
    lambda_lower: float = _within(0, default=3.0)
    lower_on_pixels: bool = True
    pixel_l2: float = _within(0, default=1.0)
    pixel_l1: float = _within(0, default=0.0)
    pixel_lpips: float = _within(0, default=1.0)
    pixel_frames: int = _within(1, 14, default=1)
    vae: str = ""
    lpips: tuple[str, ...] = ()

    @property
    def on_pixels(self) -> bool:
        return max(self.pixel_l2, self.pixel_l1, self.pixel_lpips) > 0


@dataclass(frozen=True)
class Noise:
    """Noise levels: ln sigma ~ N(mean, std^2)."""

    mean: float = 1.0
    std: float = _within(0, default=1.2)


@dataclass(frozen=True)
class Dropping:
    """How often a sequence is trained without a condition, so that guidance has something to guide away from.

    Attributes:
        identity: of the identity frame; in the interpolation, of the two end frames.
        audio: of the audio.
    """

    identity: float = _within(0, 1, default=0.1)
    audio: float = _within(0, 1, default=0.2)


@dataclass(frozen=True)
class Optimizer:
    """AdamW, and what it costs in memory.

    Attributes:
        batch: sequences in one update, over all processes together.
        accumulation: the pieces in which a process works off its part of the batch, one after the other.
        warm_up: steps of linear warm-up; then the rate is constant.
        decay_last: of the run's last steps, during which the rate falls linearly to 0.
        clip_norm: largest gradient norm; 0: any.
        ema: decay of an average of the weights, which is what is exported then; 0: none.
        precision: "bfloat16" computes in it, except on the CPU, and keeps the weights in float32.
        checkpointing: recompute activations instead of keeping them.
    """

    learning_rate: float = _within(0, default=1e-5)
    batch: int = _within(1, default=32)
    accumulation: int = _within(1, default=1)
    warm_up: int = _within(0, default=1_000)
    decay_last: int = _within(0, default=0)
    weight_decay: float = _within(0, default=0.01)
    betas: tuple[float, ...] = _within(0, 1, default=(0.9, 0.999))
    clip_norm: float = _within(0, default=0.0)
    ema: float = _within(0, 1, default=0.0)
    precision: str = _one_of("float32", "bfloat16", default="float32")
    checkpointing: bool = False


@dataclass(frozen=True)
class Reduced:
    """The network for autoguidance: the interpolation network as it was after `step` steps (Table 8)."""

    step: int = _within(1, default=7_500)


@dataclass(frozen=True)
class LoRA:
    """Fine-tuning by low-rank additions to `network.start`, which itself stays as it is.

    Attributes:
        rank: 0 trains the network itself.
        alpha: the additions are scaled by alpha / rank; 0 means rank.
        targets: layers that get one, by the end of their names in diffusers.
    """

    rank: int = _within(0, default=0)
    alpha: float = _within(0, default=0.0)
    targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0")


@dataclass(frozen=True)
class Autoencoder:
    """The autoencoder and its losses, each with its weight.

    Attributes:
        ch, ch_mult, num_res_blocks: sizes, see `architecture.vae_sizes`.
        l1, l2, edges, lpips: distances of pictures; edges are differences of neighbouring pixels.
        kl: of the posterior against a unit normal, per latent value.
        lpips_weights: as `Loss.lpips`.
    """

    ch: int = _within(32, default=128)
    ch_mult: tuple[int, ...] = _within(1, default=(1, 2, 4, 4))
    num_res_blocks: int = _within(1, default=2)
    l1: float = _within(0, default=1.0)
    l2: float = _within(0, default=0.0)
    edges: float = _within(0, default=0.0)
    lpips: float = _within(0, default=0.0)
    kl: float = _within(0, default=1e-6)
    lpips_weights: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """A training run."""

    run: Run
    data: Data
    network: NetworkSizes = field(default_factory=NetworkSizes)
    loss: Loss = field(default_factory=Loss)
    noise: Noise = field(default_factory=Noise)
    dropping: Dropping = field(default_factory=Dropping)
    optimizer: Optimizer = field(default_factory=Optimizer)
    reduced: Reduced = field(default_factory=Reduced)
    lora: LoRA = field(default_factory=LoRA)
    vae: Autoencoder = field(default_factory=Autoencoder)


_SECTIONS = get_type_hints(Config)
_VAE_SECTIONS = ("run", "data", "optimizer", "vae")
_FREE = {
    "run.folder",
    "run.steps",
    "run.save_every",
    "run.sample_every",
    "run.log_every",
    "run.note",
    "data.workers",
    "optimizer.accumulation",
    "optimizer.checkpointing",
}
"""What a resumed run may change without becoming another one."""


def read_config(path: str | Path, stage: str) -> Config:
    """Reads the TOML file of a run of `stage`.

    Raises:
        KeyFaceError: the file cannot be read; a section or key is unknown (the message suggests one), missing
            or belongs to another stage; a value is of the wrong kind or out of its range.
    """
    tomllib = _toml_reader()
    try:
        with open(path, "rb") as file:
            entries = tomllib.load(file)
    except OSError as error:
        raise KeyFaceError(f"{path} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KeyFaceError(f"{path} is no valid TOML: {error}") from error
    try:
        return config_from(entries, stage)
    except KeyFaceError as error:
        raise KeyFaceError(f"{path}: {error}") from error


def config_from(entries: dict[str, Any], stage: str) -> Config:
    """The configuration in the entries of a TOML file; raises as `read_config`."""
    allowed = _VAE_SECTIONS if stage == "vae" else [name for name in _SECTIONS if name != "vae"]
    for name in entries:
        if name in _SECTIONS and name not in allowed:
            raise KeyFaceError(f"the section [{name}] is not used when training {stage}; take it out")
        _require_known(name, allowed, "section")
    sections = {}
    for name in allowed:
        given = entries.get(name, {})
        if not isinstance(given, dict):
            raise KeyFaceError(f"{name} is {given!r}; it must be a section, [{name}]")
        sections[name] = _section(_SECTIONS[name], given, name)
    config = Config(**sections)
    _check_together(config, stage)
    return config


def flat(config: Config) -> dict[str, Any]:
    """{"section.key": value} with JSON's types."""
    return {
        f"{section}.{key}": list(value) if isinstance(value, tuple) else value
        for section, entries in asdict(config).items()
        for key, value in entries.items()
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> dict[str, str]:
    """{key: "old -> new"} of two flat configurations, without what is free to change during a run."""
    keys = dict.fromkeys([*before, *now])
    return {
        key: f"{before.get(key)!r} -> {now.get(key)!r}"
        for key in keys
        if key not in _FREE and before.get(key) != now.get(key)
    }


def _toml_reader():
    if sys.version_info >= (3, 11):
        import tomllib

        return tomllib
    try:
        import tomli
    except ImportError as error:
        raise KeyFaceError("a config needs tomli on Python 3.10; pip install 'keyface[train]'") from error
    return tomli


def _require_known(name: str, known, kind: str) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        remedy = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(known)}"
        raise KeyFaceError(f"no {kind} is called '{name}'; {remedy}")


def _section(section: type, given: dict[str, Any], name: str) -> Any:
    hints = get_type_hints(section)
    for key in given:
        _require_known(key, hints, f"key of [{name}]")
    values = {}
    for entry in fields(section):
        full = f"{name}.{entry.name}"
        if entry.name in given:
            values[entry.name] = _value(given[entry.name], hints[entry.name], full, entry.metadata)
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise KeyFaceError(f"{full} is missing; every run needs it")
    return section(**values)


def _value(value: Any, hint: Any, name: str, rules: types.MappingProxyType) -> Any:
    if get_origin(hint) is tuple:
        items = value if isinstance(value, list) else [value]
        return tuple(_value(item, get_args(hint)[0], name, rules) for item in items)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not hint:
        raise KeyFaceError(f"{name} is {value!r}; it must be of type {hint.__name__}")
    low, high = rules.get("within", (None, None))
    if low is not None and not low <= value <= high:
        raise KeyFaceError(f"{name} is {value}; it must be in [{low}, {high}]")
    if "choices" in rules and value not in rules["choices"]:
        raise KeyFaceError(f"{name} is '{value}'; choose from: {', '.join(rules['choices'])}")
    return value


def _check_together(config: Config, stage: str) -> None:
    network, loss, optimizer = config.network, config.loss, config.optimizer
    if not config.data.shards:
        raise KeyFaceError("data.shards is empty; name the tar files to train on")
    if len(optimizer.betas) != 2:
        raise KeyFaceError(f"optimizer.betas has {len(optimizer.betas)} values; AdamW takes two")
    if optimizer.batch % optimizer.accumulation:
        raise KeyFaceError(
            f"optimizer.batch {optimizer.batch} is not a multiple of optimizer.accumulation "
            f"{optimizer.accumulation}; choose one that is"
        )
    if stage == "vae":
        if config.vae.lpips and not config.vae.lpips_weights:
            raise KeyFaceError("vae.lpips needs the weights of LPIPS-VGG; name them as vae.lpips_weights")
        return
    if loss.on_pixels and not loss.vae:
        raise KeyFaceError(
            "the pixel losses decode frames; name an autoencoder as loss.vae, "
            "or set pixel_l2, pixel_l1 and pixel_lpips to 0"
        )
    if loss.pixel_lpips and not loss.lpips:
        raise KeyFaceError(
            "loss.pixel_lpips needs the weights of LPIPS-VGG; name their files as loss.lpips, or set it to 0"
        )
    if (network.freeze_temporal or config.lora.rank) and not network.start:
        key = "network.freeze_temporal" if network.freeze_temporal else "lora.rank"
        raise KeyFaceError(f"{key} keeps weights as they are in network.start; name a checkpoint there")
    if not network.encoders:
        raise KeyFaceError("network.encoders is empty; name the audio encoders whose features the data has")
