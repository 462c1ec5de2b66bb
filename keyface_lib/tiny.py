"""A complete model folder at a tiny size with random weights: for tests and first steps."""

import json
import math
from pathlib import Path

import torch

from .audio import encoder_shapes
from .clip.models import CONFIG
from .errors import KeyFaceError
from .networks.network import Network
from .networks.vae import build_vae, released_vae_state
from .weights.architecture import EMOTION_DIM, ENCODERS, IN_CHANNELS, LATENT_CHANNELS
from .weights.architecture import VAE as VAE_NAMES
from .weights.checkpoint import RELEASED_GUIDANCE, write_checkpoint
from .weights.metadata import Metadata

IMAGE_SIZE = 64
FEATURES = 32
"""Width of an audio encoder's features."""
HEARS = {
    "keyframe": ["wavlm", "beats"],
    "interpolation": ["wav2vec2", "beats"],
    "reduced": ["wav2vec2", "beats"],
}
CONTEXT = 32
UNET = {
    "model_channels": 32,
    "channel_mult": [1, 2],
    "num_res_blocks": 1,
    "attention_resolutions": [2, 1],
    "num_head_channels": 16,
    "context_dim": CONTEXT,
    "audio_dim": CONTEXT,
}
CHANNELS = {
    role: {"in_channels": channels, "vector_dim": CONTEXT + (EMOTION_DIM if role == "keyframe" else 0)}
    for role, channels in IN_CHANNELS.items()
}
VAE = {
    "ch": 32,
    "ch_mult": [1, 1, 1, 1],
    "num_res_blocks": 1,
    "z_channels": LATENT_CHANNELS,
    "has_encoder": True,
    "has_decoder": True,
    "temporal": True,
}
TRANSFORMER = {
    "encoder_layers": 2,
    "encoder_embed_dim": FEATURES,
    "encoder_ffn_embed_dim": 64,
    "encoder_attention_heads": 4,
    "conv_pos": 16,
    "conv_pos_groups": 4,
    "num_buckets": 32,
    "max_distance": 80,
    "conv_bias": False,
    "layer_norm_first": False,
    "activation_fn": "gelu",
    "relative_position_embedding": True,
    "gru_rel_pos": True,
}
WAVLM = TRANSFORMER | {
    "extractor_mode": "default",
    "normalize": False,
    "conv_feature_layers": f"[({FEATURES},10,5)] + [({FEATURES},3,2)] * 4 + [({FEATURES},2,2)] * 2",
}
BEATS = TRANSFORMER | {
    "input_patch_size": 16,
    "embed_dim": FEATURES,
    "deep_norm": True,
    "finetuned_model": True,
    "predictor_class": 527,
}
WAV2VEC2 = {
    "hidden_size": FEATURES,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "conv_dim": [FEATURES] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}


def write_tiny_models(folder: str | Path, seed: int = 0) -> None:
    """Writes every file of a model folder, the same for the same seed.

    Raises:
        KeyFaceError: the folder cannot be made, or has something in it.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFaceError(f"{folder}: cannot be made ({error.strerror}); choose another place") from error
    if any(folder.iterdir()):
        raise KeyFaceError(f"{folder}: is not empty; choose a new folder, nothing is overwritten")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for role in CHANNELS:
            _write_network(folder, role)
        vae = released_vae_state(build_vae(VAE), VAE)
        state = {VAE_NAMES + name: tensor for name, tensor in vae.items()}
        write_checkpoint(
            folder / "vae.safetensors", state, Metadata("vae", config=VAE, image_size=IMAGE_SIZE)
        )
        for role, config in (("wavlm", WAVLM), ("beats", BEATS), ("wav2vec2", WAV2VEC2)):
            state = _encoder_state(role, config)
            write_checkpoint(folder / f"{role}.safetensors", state, Metadata(role, config=config))
    files = {role: f"{role}.safetensors" for role in (*CHANNELS, "vae", *ENCODERS)}
    (folder / CONFIG).write_text(json.dumps({"format": 1, "files": files}, indent=1) + "\n", encoding="utf-8")


def _write_network(folder: Path, role: str) -> None:
    sizes = UNET | CHANNELS[role]
    latent = IMAGE_SIZE // 2 ** (len(VAE["ch_mult"]) - 1)
    network = Network(role, sizes, FEATURES * len(HEARS[role]), (latent, latent))
    metadata = Metadata(
        role,
        unet=sizes,
        image_size=IMAGE_SIZE,
        encoders=HEARS[role],
        guidance=RELEASED_GUIDANCE.get(role, {}),
        training={"note": "random weights"},
    )
    write_checkpoint(folder / f"{role}.safetensors", network.released_state(), metadata)


def _encoder_state(role: str, config: dict) -> dict[str, torch.Tensor]:
    """Random weights and zero biases; vectors called weight or gain (of norms, gates) are 1."""
    state = {}
    for name, shape in encoder_shapes(role, config).items():
        if len(shape) > 1 and max(shape) > 1 and not name.endswith(("weight_g", "grep_a")):
            state[name] = torch.randn(shape) / math.sqrt(math.prod(shape[1:]))
        else:
            state[name] = torch.zeros(shape) if name.endswith("bias") else torch.ones(shape)
    return state
