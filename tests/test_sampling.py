"""Sampling on a distribution whose ideal denoiser is known."""

import pytest
import torch

from keyface_lib.clip.samplers import SAMPLERS, noise_levels, sample
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.schedule import align_your_steps

MEAN, STD = 0.3, 0.5


def ideal(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """The exact denoiser of a normal distribution."""
    return (STD**2 * x + sigma**2 * MEAN) / (STD**2 + sigma**2)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_turns_noise_into_the_distribution_it_denoises(sampler):
    noise = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    x = sample(ideal, noise, sampler, steps=60)
    assert x.mean() == pytest.approx(MEAN, abs=0.02)
    assert x.std() == pytest.approx(STD, rel=0.1)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_evaluates_exactly_at_its_noise_levels(sampler):
    seen = []

    def spy(x, sigma):
        seen.append(sigma)
        return ideal(x, sigma)

    sample(spy, torch.randn(8, generator=torch.Generator().manual_seed(1)), sampler, steps=10)
    assert seen == pytest.approx(noise_levels(sampler, 10)[:-1].tolist())


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 10])
def test_every_sampler_walks_down_to_0_and_ends_where_its_last_level_says(sampler, steps):
    levels = noise_levels(sampler, steps)
    assert (levels.diff() < 0).all()
    assert levels[-1] == 0
    end = sample(lambda x, sigma: torch.full_like(x, 0.25), torch.ones(8), sampler, steps)
    assert end == pytest.approx(torch.full((8,), 0.25), abs=1e-3)  # float32, from levels up to 700


def test_diffusers_euler_over_our_levels_is_our_euler():
    assert noise_levels("euler_discrete", 10) == pytest.approx(align_your_steps(10).float())
    noise = torch.randn(100, generator=torch.Generator().manual_seed(2))
    # They start from sigma, we from (sigma^2 + 1)^0.5: 1e-6 of it.
    assert sample(ideal, noise, "euler_discrete") == pytest.approx(sample(ideal, noise, "euler"), abs=1e-3)


@pytest.mark.parametrize(("steps", "levels"), [(1, 1), (4, 4), (9, 9), (10, 11), (11, 11), (30, 30)])
def test_ten_steps_are_eleven_levels_and_any_other_number_is_itself(steps, levels):
    sigmas = align_your_steps(steps)
    assert (sigmas.diff() < 0).all()
    assert sigmas[-1] == 0
    assert len(sigmas) == levels + 1
    assert sigmas[0] == pytest.approx(700)


def test_an_unknown_sampler_is_refused_with_the_known_ones():
    with pytest.raises(KeyFaceError, match=r"'dpm'.*euler, euler_discrete"):
        sample(ideal, torch.randn(4), "dpm")
