"""What a training run is; the defaults are the paper's (section 3.6, Table 8). `config_file` reads it."""

from dataclasses import asdict, dataclass, field
from typing import Any

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
    seed: int = _within(0, 2**63 - 1, default=0)
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
        cut_short: how often a sequence begins anywhere in its clip and repeats the last frame where the clip
            is over, as the last window and segment do when sampling. The released code trains without.
    """

    shards: tuple[str, ...]
    workers: int = _within(0, 256, default=2)
    anchor: bool = False
    cut_short: float = _within(0, 1, default=0.0)


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
    """Noise levels: ln sigma ~ N(mean, std^2).

    Attributes:
        ends: noise on the interpolation's two end frames, so that it forgives keyframes that are not quite
            right: its standard deviation, in units of scaled latents, is uniform between 0 and this for each
            sequence (conditioning augmentation: Ho et al. 2022, section 4). The released code has none.
    """

    mean: float = 1.0
    std: float = _within(0, default=1.2)
    ends: float = _within(0, default=0.0)


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
    batch: int = _within(1, 2**16, default=32)
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

    rank: int = _within(0, 4096, default=0)
    alpha: float = _within(0, default=0.0)
    targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0")


@dataclass(frozen=True)
class Autoencoder:
    """The autoencoder and its losses, each with its weight.

    Attributes:
        start: an autoencoder to go on from, whose sizes then count; without, random weights.
        added_levels: levels put around those of `start`, for pictures twice as large with each.
        decoder_only: leave the encoder of `start` as it is: networks trained on its latents stay right.
        latent_noise: standard deviation of noise on the latents, relative to theirs, so that the decoder
            forgives what a network gets a little wrong.
        ch, ch_mult, num_res_blocks, decoder_blocks: sizes, see `architecture.vae_sizes`; 0 decoder_blocks
            stands for one more than num_res_blocks.
        l1, l2, edges, lpips: distances of pictures; edges are differences of neighbouring pixels.
        motion: the distance between how neighbouring frames differ and how they should: what trembles. Then
            an example is two frames, not one.
        drift: the distance between how the mean colours of 8 x 8 pixels change from a frame to any other of
            its clip and how they should: what fades over seconds. Then an example has one picture more.
        kl: of the posterior against a unit normal, per latent value.
        lpips_weights: as `Loss.lpips`.
        knows: which pictures it knows, in words, where it knows no others ("drawn faces of its own toy
            world"). Then its file says how well these come back, and whoever animates another one is told
            that the model is not made for it. Empty for one of the full size, which knows any picture.
    """

    start: str = ""
    added_levels: int = _within(0, 7, default=0)
    decoder_only: bool = False
    latent_noise: float = _within(0, default=0.0)
    ch: int = _within(32, default=128)
    ch_mult: tuple[int, ...] = _within(1, default=(1, 2, 4, 4))
    num_res_blocks: int = _within(1, default=2)
    decoder_blocks: int = _within(0, 17, default=0)
    l1: float = _within(0, default=1.0)
    l2: float = _within(0, default=0.0)
    edges: float = _within(0, default=0.0)
    motion: float = _within(0, default=0.0)
    drift: float = _within(0, default=0.0)
    lpips: float = _within(0, default=0.0)
    kl: float = _within(0, default=1e-6)
    lpips_weights: tuple[str, ...] = ()
    knows: str = ""


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
    "vae.knows",
}
"""What a resumed run may change without becoming another one."""


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
