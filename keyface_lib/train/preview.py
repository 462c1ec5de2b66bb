"""Sample videos of a run: what the networks make of a clip, beside the clip."""

from collections.abc import Callable
from pathlib import Path

import torch
from einops import rearrange, repeat
from PIL import Image

from ..clip.interpolation import InterpolationSettings, sample_segments
from ..clip.keyframes import KeyframeSettings, sample_windows
from ..data.shards import ClipIndex
from ..media.video import VideoWriter
from ..method.merging import to_bytes
from ..method.timeline import KEYFRAME_STEP
from ..networks.network import Network
from ..networks.vae import KeyFaceVAE
from .config import Config
from .examples import SKIPPED, Examples, SequenceExamples, collate

_PLACE = 0
"""The position of the example that is shown: always the same one."""


def network_preview(
    network: Network, vae: KeyFaceVAE, make: SequenceExamples, clips: ClipIndex, config: Config
) -> Callable[[Path], Path]:
    """A function that samples one sequence and writes it, right of the true one, as `path`.mp4.

    Keyframes are held until the next one, in real time.
    """
    examples = Examples(clips, make, config.run.seed)

    @torch.inference_mode()
    def write(path: Path) -> Path:
        example = collate([examples[_PLACE]])
        example.pop(SKIPPED)
        example = {name: tensor.to(network.device) for name, tensor in example.items()}
        latents = torch.cat([example["latents"], sampled_sequence(network, example, config)], dim=-1)
        frames = to_bytes(vae.decode_frames(latents[0]))
        if network.role == "keyframe":
            frames = repeat(frames, "keyframe ... -> (keyframe step) ...", step=KEYFRAME_STEP)
        path = path.with_suffix(".mp4")
        with VideoWriter(path, *frames.shape[1:3]) as writer:
            writer.write(frames)
        return path

    return write


def sampled_sequence(network: Network, example: dict[str, torch.Tensor], config: Config) -> torch.Tensor:
    """What the network makes of an example's conditions: (sequences, 14, 4, h, w) unscaled latents."""
    if network.role == "keyframe":
        settings = KeyframeSettings(config.network.guidance_audio, config.network.guidance_identity)
        arguments = (example[name] for name in ("identity", "audio", "valence", "arousal", "noise"))
        return sample_windows(network, *arguments, settings)
    arguments = (example[name] for name in ("ends", "audio", "noise"))
    return sample_segments(network, None, *arguments, InterpolationSettings())


def autoencoder_preview(vae: KeyFaceVAE, pixels: torch.Tensor) -> Callable[[Path], Path]:
    """A function that writes pictures (n, 3, H, W), each above what the autoencoder makes of it, as PNG."""

    @torch.inference_mode()
    def write(path: Path) -> Path:
        again = vae.decode_frames(vae.encode_image(pixels)).cpu()
        rows = [rearrange(to_bytes(row), "n h w c -> h (n w) c") for row in (pixels, again)]
        path = path.with_suffix(".png")
        Image.fromarray(torch.cat(rows).numpy()).save(path)
        return path

    return write
