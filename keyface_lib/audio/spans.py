"""Where something lasts, in a row of yes and no."""

import torch


def runs(hits: torch.Tensor) -> list[tuple[int, int]]:
    """(first, last) of every run of True in (n,) bool."""
    none = torch.zeros(1, dtype=torch.int8)
    edges = torch.diff(hits.to(torch.int8), prepend=none, append=none)
    starts, stops = (edges == 1).nonzero().flatten(), (edges == -1).nonzero().flatten()
    return [(int(start), int(stop) - 1) for start, stop in zip(starts, stops, strict=True)]
