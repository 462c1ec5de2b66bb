"""Lean residual blocks compute what diffusers' own do."""

from copy import deepcopy

import pytest
import torch
from diffusers.models.resnet import ResnetBlock2D, SpatioTemporalResBlock
from tiny_models import tiny_keyface
from torch import nn

from keyface_lib.networks.residual_blocks import (
    LeanResnetBlock,
    LeanSpatioTemporalResBlock,
    slim_residual_blocks,
)

CHANNELS, TEMB = 32, 12
VAE = {"temb_channels": None, "merge_strategy": "learned", "switch_spatial_to_temporal_mix": True}
UNET = {"temb_channels": TEMB}


def twins(out_channels=CHANNELS, **options):
    """A block with random weights, and the lean one with the same."""
    torch.manual_seed(0)
    plain = SpatioTemporalResBlock(CHANNELS, out_channels, merge_factor=0.3, eps=1e-5, **options).eval()
    for parameter in plain.parameters():  # norms would be neutral
        nn.init.normal_(parameter, 0.3, 0.2)
    lean = nn.ModuleList([deepcopy(plain)])
    slim_residual_blocks(lean)
    assert type(lean[0]) is LeanSpatioTemporalResBlock
    assert type(lean[0].spatial_res_block) is LeanResnetBlock
    assert list(lean[0].state_dict()) == list(plain.state_dict())
    return plain, lean[0]


def inputs(frames, options):
    """Frames, temb, and an indicator by which the first frame of each clip is a still image."""
    temb = torch.randn(2 * frames, TEMB) if options is UNET else None
    stills = torch.zeros(2, frames)
    stills[0, 0] = 1
    return torch.randn(2 * frames, CHANNELS, 4, 6), temb, stills


@pytest.mark.parametrize("options", [VAE, UNET], ids=["vae", "unet"])
@pytest.mark.parametrize("out_channels", [CHANNELS, 2 * CHANNELS], ids=["same", "shortcut"])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_results_and_gradients_are_those_of_diffusers_blocks(frames, out_channels, options):
    blocks = twins(out_channels, **options)
    x, temb, stills = inputs(frames, options)
    results = []
    for block in blocks:
        seen = [t.clone().requires_grad_() for t in (x, temb) if t is not None]
        made = block(*seen, image_only_indicator=stills)
        made.square().mean().backward()
        results.append([made.detach(), *(t.grad for t in (*seen, *block.parameters()))])
        with torch.inference_mode():  # where tensors are written over, but not those of others
            given = [t.detach().clone() for t in seen]
            torch.testing.assert_close(block(*given, image_only_indicator=stills), made, atol=1e-5, rtol=1e-5)
            assert all(torch.equal(mine, t) for mine, t in zip(given, seen, strict=True))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(other, one, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad])
def test_results_are_those_of_diffusers_blocks_where_types_are_mixed(mode):
    plain, lean = twins(**UNET)
    x, temb, stills = inputs(3, UNET)
    with mode(), torch.autocast("cpu", torch.bfloat16):
        one, other = (block(x, temb, stills) for block in (plain, lean))
    assert one.dtype == other.dtype == torch.float32
    torch.testing.assert_close(other, one, atol=0.05, rtol=0.05)


def test_the_autoencoder_has_no_other_residual_blocks():
    vae = tiny_keyface().models.vae
    kinds = {type(m) for m in vae.modules() if isinstance(m, ResnetBlock2D | SpatioTemporalResBlock)}
    assert kinds == {LeanResnetBlock, LeanSpatioTemporalResBlock}


@pytest.mark.parametrize(
    "option",
    [
        {"up": True},
        {"down": True},
        {"time_embedding_norm": "scale_shift"},
        {"skip_time_act": True},
        {"non_linearity": "gelu"},
        {"output_scale_factor": 2.0},
    ],
    ids=lambda option: next(iter(option)),
)
def test_blocks_with_other_options_stay_as_they_are(option):
    block = ResnetBlock2D(in_channels=CHANNELS, **option)
    slim_residual_blocks(nn.Sequential(block))
    assert type(block) is ResnetBlock2D
