"""Everything random about a training example, drawn from the run's seed and the example's place in it.

So a resumed run, one in more processes and one with other workers see the same examples.
"""

import torch

from ..method import noise as method_noise


def generator(seed: int, *place: int | str) -> torch.Generator:
    """The random numbers of one place: of an epoch's order, or of an example."""
    return method_noise.generator("train", seed, *place)


def noise_level(unit_normal: torch.Tensor, mean: float = 1.0, std: float = 1.2) -> torch.Tensor:
    """Sigma with ln sigma ~ N(mean, std^2), of standard normal numbers (Karras et al. 2022, Table 1)."""
    return (mean + std * unit_normal).exp()


def integer(below: int, g: torch.Generator) -> int:
    """A random integer in [0, below)."""
    return int(torch.randint(below, (), generator=g))
