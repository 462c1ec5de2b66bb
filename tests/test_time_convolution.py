"""Convolutions over time are computed in another way than `Conv3d` does, with the same result."""

import pytest
import torch
from tiny_models import tiny_keyface
from torch import nn

from keyface_lib.networks.time_convolution import TimeConvolution, flatten_time_convolutions


def twins(kernel=3):
    torch.manual_seed(0)
    plain = nn.Conv3d(3, 5, (kernel, 1, 1), padding=(kernel // 2, 0, 0))
    other = nn.Sequential(nn.Conv3d(3, 5, (kernel, 1, 1), padding=(kernel // 2, 0, 0)))
    other[0].load_state_dict(plain.state_dict())
    flatten_time_convolutions(other)
    return plain, other[0]


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("frames", [1, 2, 14])
def test_results_and_gradients_are_those_of_a_conv3d(frames, kernel):
    plain, flat = twins(kernel)
    assert type(flat) is TimeConvolution
    x = torch.randn(2, 3, frames, 4, 6)
    results = []
    for layer in (plain, flat):
        seen = x.clone().requires_grad_()
        made = layer(seen)
        made.square().sum().backward()
        results.append((made.detach(), seen.grad, layer.weight.grad, layer.bias.grad))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_networks_and_autoencoder_have_no_other_convolutions_over_time():
    models = tiny_keyface().models
    for network in (models.keyframe, models.interpolation, models.vae):
        kinds = {type(layer) for layer in network.modules() if isinstance(layer, nn.Conv3d)}
        assert kinds == {TimeConvolution}


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv3d(2, 2, 3, padding=1),
        nn.Conv3d(2, 2, (3, 1, 1)),
        nn.Conv3d(2, 2, (3, 1, 1), padding=(1, 0, 0), stride=(2, 1, 1)),
        nn.Conv3d(2, 2, (3, 1, 1), padding=(1, 0, 0), groups=2),
        nn.Conv3d(2, 2, (3, 1, 1), padding=(1, 0, 0), padding_mode="replicate"),
    ],
)
def test_other_convolutions_stay_as_they_are(layer):
    flatten_time_convolutions(nn.Sequential(layer))
    assert type(layer) is nn.Conv3d
