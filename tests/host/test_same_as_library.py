"""The nodes and `keyface_lib` alone make the same clip of the same weights and seed.

The portrait is a PNG: newer versions of ComfyUI read JPEG by PyAV, up to 25 of 255 off Pillow's pixels.
"""

from functools import cache
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tiny_models import tiny_folder, tiny_keyface

from host.prompts import node_of, only, read_workflow, saved_latent
from host.server import ROOT
from keyface_lib.audio import load_audio
from keyface_lib.media.image import load_image

BOUND = 1e-4


@cache
def portrait() -> Path:
    """The example portrait as PNG."""
    path = tiny_folder().parent / "same_portrait.png"
    Image.open(ROOT / "assets" / "portrait.jpg").convert("RGB").save(path)
    return path


@cache
def library_animation():
    clip = tiny_keyface().animate(
        load_image(portrait()),
        load_audio(ROOT / "assets" / "speech.flac"),
        emotion="0:neutral 2:happy 5:calm",
        seed=3,
    )
    return clip.animation


@pytest.fixture(scope="module")
def latents(host) -> dict[str, torch.Tensor]:
    """Keyframes and frames of the two-stage workflow, the keyframes not edited."""
    prompt = read_workflow("two_stage", seed=3, image=host.input(portrait()))
    keyframes, frames = (
        node_of(prompt, "KeyFaceKeyframeSampler"),
        node_of(prompt, "KeyFaceInterpolationSampler"),
    )
    prompt[frames]["inputs"]["keyframes"] = [keyframes, 0]
    saved = {"keyframes": saved_latent(prompt, keyframes)}
    saved["frames"] = saved_latent(prompt, frames)
    result = host.run(only(prompt, *saved.values()))
    assert result.error is None, result.error
    return {
        name: load_file(host.output(result.outputs[node]["latents"][0]))["latent_tensor"]
        for name, node in saved.items()
    }


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def test_keyframes(latents):
    library = torch.cat(list(library_animation().keyframes()))
    assert latents["keyframes"].shape == library.shape
    assert relative_error(latents["keyframes"], library) < BOUND


def test_frames(latents):
    library = torch.cat(list(library_animation().segments())).flatten(0, 1)
    assert latents["frames"].shape == library.shape
    assert relative_error(latents["frames"], library) < BOUND
