"""The resume state of a run on disk: tensors in safetensors files of at most 16 MiB, facts in JSON.

A state is a folder `state-00001000` that appears complete, by a rename, or not at all. The former one is
removed after that.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from ..errors import KeyFaceError
from ..files import unreadable
from ..messages import one_line
from ..strict_json import read_json
from ..weights.released import read_weights
from ..weights.schema import Rule, check, listed, number, table, text, whole

FORMAT = 1
PART_BYTES = 15 * 2**20
"""Tensor bytes in one file: 16 MiB with its header. A state of more than 1 GiB has larger files."""
LARGE_PART_BYTES = 2 * 2**30
FACTS_BYTES = 64 * 2**20
_FACTS = "state.json"
RUN_FACTS: dict[str, Rule] = {
    "stage": text(64, 1),
    "seconds": number(0, 1e12),
    "clips": whole(0, 2**63),
    "skipped": listed(lambda value: None if isinstance(value, str) else "text", 0, 2**31),
    "config": table,
}
"""What a run that goes on needs to know."""
_RULES: dict[str, Rule] = {
    "format": whole(0, 2**31),
    "step": whole(0, 10**8),
    "parts": whole(1, 100_000),
    **RUN_FACTS,
}
_NAME = re.compile(r"state-(\d{8})")


@dataclass(frozen=True)
class State:
    """A run after `step` updates.

    Attributes:
        tensors: weights and moments by name, on the CPU.
        facts: whatever else the run wants to know again; plain JSON.
    """

    step: int
    tensors: dict[str, torch.Tensor]
    facts: dict


def write_state(folder: Path, state: State) -> Path:
    """Writes a state and removes older ones.

    Returns:
        Its folder.

    Raises:
        KeyFaceError: it could not be written; the former state is still there.
    """
    final = folder / f"state-{state.step:08}"
    unfinished = folder / f".{final.name}.unfinished"
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        parts = _parts(state.tensors)
        for number, names in enumerate(parts):
            tensors = {name: state.tensors[name].detach().cpu().contiguous() for name in names}
            part = unfinished / f"part-{number:05}.safetensors"
            save_file(tensors, part)
            part.chmod(0o644)  # safetensors leaves files readable by their owner only
        facts = {"format": FORMAT, "step": state.step, "parts": len(parts), **state.facts}
        (unfinished / _FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        if not final.exists():  # else a resumed run stopped before its first update
            unfinished.rename(final)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise KeyFaceError(
            f"{final} could not be written ({reason}); free space and resume from the state before"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for step, path in _states(folder):
        if step != state.step:
            shutil.rmtree(path, ignore_errors=True)
    return final


def read_state(folder: Path) -> State | None:
    """The latest state in a run's folder; None where there is none.

    Raises:
        KeyFaceError: it is damaged, of a newer format, or may not be read.
    """
    try:
        found = _states(folder)
    except OSError as error:
        raise unreadable(folder, error, "folder of the run") from error
    if not found:
        return None
    step, path = max(found)
    remedy = "remove the state and start again"
    try:
        facts = read_json(path / _FACTS, FACTS_BYTES)
        check(facts, {name: _RULES[name] for name in ("format", "step", "parts")}, str(path / _FACTS), remedy)
        if facts["format"] != FORMAT:
            raise KeyFaceError(f"{path} has format {facts['format']}, this version reads {FORMAT}; update")
        check(facts, _RULES, str(path / _FACTS), remedy, missing_ok=True)
        if facts["step"] != step:
            raise KeyFaceError(f"{path / _FACTS} is of step {facts['step']}; {remedy}")
        tensors: dict[str, torch.Tensor] = {}
        for part in range(facts["parts"]):
            name = f"part-{part:05}.safetensors"
            tensors |= _numbers(read_weights(path / name).tensors, path / name)
    except KeyFaceError as error:
        if ("update" in str(error) and "format" in str(error)) or isinstance(error.__cause__, OSError):
            raise  # the state may be sound: another version, the right to read it or another disk is wanted
        raise KeyFaceError(f"{one_line(path)} is damaged ({error}); {remedy}") from error
    return State(step, tensors, facts)


def _numbers(tensors: dict[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a part; raises a KeyFaceError unless all are finite, as whoever wrote them made sure."""
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise KeyFaceError(f"{one_line(path)}: {one_line(name)} holds NaN or infinity")
    return tensors


def _states(folder: Path) -> list[tuple[int, Path]]:
    matches = ((_NAME.fullmatch(path.name), path) for path in folder.glob("state-*"))
    return [(int(match[1]), path) for match, path in matches if match]


def _parts(tensors: Mapping[str, torch.Tensor]) -> list[list[str]]:
    """Names of the tensors of every file."""
    total = sum(tensor.nbytes for tensor in tensors.values())
    limit = PART_BYTES if total <= 2**30 else LARGE_PART_BYTES
    parts, size = [[]], 0
    for name, tensor in tensors.items():
        if parts[-1] and size + tensor.nbytes > limit:
            parts.append([])
            size = 0
        parts[-1].append(name)
        size += tensor.nbytes
    return parts
