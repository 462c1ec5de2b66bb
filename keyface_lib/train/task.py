"""What a training run trains, apart from how: the same loop serves networks, additions and autoencoders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from .examples import MakeExample


@dataclass(frozen=True)
class Task:
    """A module with its losses, and what becomes of it.

    Attributes:
        step: maps a batch to {"loss": what is minimised, and its terms}.
        trained: the parameters that learn, by the names their state has on disk.
        frozen: modules outside of `step` that it calls.
        make: makes examples from clips.
        export: writes the weights as they are into a folder, with what is to be said of their training;
            returns the file.
        export_reduced: the same for the guiding network of the interpolation.
        preview: writes a sample into the file `path` without its ending; returns the file. None: there is
            nothing to see.
    """

    step: nn.Module
    trained: Mapping[str, nn.Parameter]
    make: MakeExample
    export: Callable[[Path, dict], Path]
    frozen: tuple[nn.Module, ...] = ()
    export_reduced: Callable[[Path, dict], Path] | None = None
    preview: Callable[[Path], Path] | None = None

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Puts back trained parameters by name."""
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(tensors[name])
