"""One recorded case: what was compared, how far apart it lies, how far it may."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Case:
    """`error` of the case called `name` against its `bound`."""

    name: str
    error: float
    bound: float

    @property
    def ok(self) -> bool:
        return self.error <= self.bound  # False for NaN


def relative_error(ours: torch.Tensor, recorded: torch.Tensor) -> float:
    """Relative L2 distance of two tensors of one shape; infinite where the shapes differ."""
    if ours.shape != recorded.shape:
        return float("inf")
    ours, recorded = ours.double(), recorded.double()
    return float((ours - recorded).norm() / recorded.norm().clamp(min=1e-12))
