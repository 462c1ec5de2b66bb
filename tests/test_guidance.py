"""Guidance as equations 4 and 5, without a network call that could not matter."""

import pytest
import torch
from torch import nn

from keyface_lib.clip.interpolation import InterpolationSettings
from keyface_lib.clip.keyframes import KeyframeSettings
from keyface_lib.method.conditioning import Conditioning
from keyface_lib.method.guidance import auto_weights, guided_denoiser, scale_at, split_weights


class Constant(nn.Module):
    """A UNet that predicts one value and counts its calls."""

    def __init__(self, value: float):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value), requires_grad=False)
        self.calls = 0

    def forward(self, sample, c_noise, context, vector):
        self.calls += 1
        return sample[:, :, :4] * 0 + self.value


def guided(weights, values=(1.0, 2.0, 5.0)):
    x = torch.zeros(1, 14, 4, 2, 2)
    seen = Conditioning(torch.zeros(1, 14, 4, 2, 2), torch.zeros(1, 14, 3), torch.zeros(1, 14, 3))
    unets = [Constant(value) for value in values[: len(weights)]]
    sigma = 3.0
    out = guided_denoiser([(unet, seen) for unet in unets], lambda _: weights)(x, sigma)
    c_out = -sigma / (sigma**2 + 1) ** 0.5
    return out.mean().item() / c_out, [unet.calls for unet in unets]


@pytest.mark.parametrize(("audio", "identity"), [(5.0, 2.0), (1.0, 1.0), (0.0, 3.0), (2.5, 1.0), (0.7, 0.0)])
def test_split_guidance_is_equation_4(audio, identity):
    none, with_identity, both = 1.0, 2.0, 5.0
    result, _ = guided(split_weights(audio, identity))
    equation = none + identity * (with_identity - none) + audio * (both - with_identity)
    assert result == pytest.approx(equation, abs=1e-5)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.0, 3.5])
def test_autoguidance_is_equation_5(scale):
    reduced, main = 1.0, 2.0
    result, _ = guided(auto_weights(scale))
    assert result == pytest.approx(reduced + scale * (main - reduced), abs=1e-5)


@pytest.mark.parametrize(
    ("weights", "calls"),
    [
        (split_weights(5, 2), [1, 1, 1]),
        (split_weights(5, 1), [0, 1, 1]),
        (split_weights(2, 2), [1, 0, 1]),
        (split_weights(0, 2), [1, 1, 0]),
        (split_weights(1, 1), [0, 0, 1]),
        (auto_weights(2), [1, 1]),
        (auto_weights(1), [0, 1]),
        (auto_weights(0), [1, 0]),
    ],
)
def test_a_branch_that_a_scale_makes_redundant_is_never_called(weights, calls):
    assert guided(weights)[1] == calls


def test_outside_its_interval_guidance_leaves_the_conditioned_network_alone():
    assert scale_at(5, sigma=10, interval=(1, 20)) == 5
    assert scale_at(5, sigma=1, interval=(1, 20)) == 1
    assert KeyframeSettings(interval=(1, 20)).weights(50) == (0, 0, 1)
    assert InterpolationSettings(interval=(1, 20)).weights(0.5) == (0, 1)
