"""AdamW with warm-up, the average of the weights, and both as tensors by name."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from .config import Optimizer

WARM_UP_START = 1e-6
"""Of the learning rate, at step 0 (the released schedule)."""
_MOMENTS = ("exp_avg", "exp_avg_sq")


def learning_rate_factor(step: int, warm_up: int, steps: int = 0, decay_last: int = 0) -> float:
    """What the learning rate of update `step` (from 0) is multiplied by.

    Args:
        warm_up: steps of linear growth from 1e-6 to 1.
        steps, decay_last: the run's length and the last part of it, in which the factor falls to 0.
    """
    factor = 1.0
    if step < warm_up:
        factor = WARM_UP_START + (1 - WARM_UP_START) * step / warm_up
    if decay_last and step > steps - decay_last:
        factor *= max(0, steps - step) / decay_last
    return factor


def adamw(trained: Mapping[str, nn.Parameter], settings: Optimizer) -> torch.optim.AdamW:
    """The optimizer of the trained parameters, in their order."""
    return torch.optim.AdamW(
        list(trained.values()),
        lr=settings.learning_rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
    )


def moments(optimizer: torch.optim.AdamW, trained: Mapping[str, nn.Parameter]) -> dict[str, torch.Tensor]:
    """AdamW's running averages by parameter and kind; none before the first update."""
    return {
        f"{kind}.{name}": optimizer.state[parameter][kind]
        for name, parameter in trained.items()
        if parameter in optimizer.state
        for kind in _MOMENTS
    }


def restore_moments(
    optimizer: torch.optim.AdamW,
    trained: Mapping[str, nn.Parameter],
    tensors: Mapping[str, torch.Tensor],
    step: int,
) -> None:
    """Puts back what `moments` gave after `step` updates."""
    state = {
        number: {"step": torch.tensor(float(step)), **{kind: tensors[f"{kind}.{name}"] for kind in _MOMENTS}}
        for number, name in enumerate(trained)
    }
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


class Average:
    """An exponential moving average of the trained weights, younger in the run's beginning.

    The decay after n updates is min(decay, (1 + n) / (10 + n)).
    """

    def __init__(self, trained: Mapping[str, nn.Parameter], decay: float):
        self.trained, self.decay = trained, decay
        self.tensors = {name: parameter.detach().clone() for name, parameter in trained.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follows the weights after update `step` (from 1)."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        parameters = [parameter.detach() for parameter in self.trained.values()]
        torch._foreach_lerp_(list(self.tensors.values()), parameters, weight)

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Puts back averages by name."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The averages instead of the weights, for as long as the context lasts."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, parameter in self.trained.items():
            weights = parameter.detach().clone()
            parameter.copy_(self.tensors[name])
            self.tensors[name].copy_(weights)
