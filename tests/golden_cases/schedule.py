"""Noise levels and the merging of overlapping segments."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file

from keyface_lib.method.merging import merge_segments
from keyface_lib.method.schedule import align_your_steps

from .case import Case, relative_error


def cases(folder: Path) -> Iterator[Case]:
    """The noise levels for every recorded number of steps; the merge of segments that share one frame."""
    tables = json.loads((folder / "sampling_misc.json").read_text())["ays"]
    for steps, levels in tables.items():
        if isinstance(levels, list):  # the released code refuses fewer than 10 steps
            recorded = torch.tensor(levels, dtype=torch.float64)
            yield Case(
                f"schedule {steps} steps", relative_error(align_your_steps(int(steps)), recorded), 1e-12
            )

    # Segments overlap by one frame in every configuration that runs; the recorded overlap of 2 is not ours.
    golden = load_file(folder / "merge_golden.safetensors")
    merged = torch.cat(list(merge_segments([golden["f.overlap1.segments"]])))
    yield Case("merge overlap 1", relative_error(merged, golden["f.overlap1.merged"]), 1e-6)
