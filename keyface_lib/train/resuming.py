"""Whether a run may go on from a state, and what of its settings has changed since."""

import logging
from pathlib import Path

from ..errors import KeyFaceError
from ..weights.checkpoint import read_metadata
from ..weights.schema import check
from .config import Config, differences, flat
from .state import RUN_FACTS, State
from .task import Task

_log = logging.getLogger(__name__)


def finished_reduced(config: Config) -> Path | None:
    """The reduced network that a run has written already, on its way past `reduced.step`."""
    path = Path(config.run.folder) / "reduced.safetensors"
    if path.is_file() and read_metadata(path).training.get("step") == config.reduced.step:
        return path
    return None


def require_resumable(state: State, task: Task, config: Config, kind: str, clips: int, steps: int) -> None:
    """Warns of settings and data that differ from those of the state.

    Args:
        kind: the stage, "interpolation" for "reduced".
        clips: clips in the data.
        steps: of the run.

    Raises:
        KeyFaceError: the state holds the tensors of another kind of run, or more steps were made already.
    """
    folder = config.run.folder
    check(state.facts, RUN_FACTS, f"{folder}: its state", "remove the state and start again")
    told = "; ".join(f"{key} {now}" for key, now in differences(state.facts["config"], flat(config)).items())
    if state.facts["stage"] != kind:
        told = f"it is a run of {state.facts['stage']}"
    shapes = {f"weights.{name}": tuple(parameter.shape) for name, parameter in task.trained.items()}
    stored = {name: tuple(t.shape) for name, t in state.tensors.items() if name.startswith("weights.")}
    averaged = any(name.startswith("average.") for name in state.tensors)
    if (state.facts["stage"], stored, averaged) != (kind, shapes, bool(config.optimizer.ema)):
        raise KeyFaceError(
            f"{folder} cannot be resumed: {told or 'the data or network.start has other sizes'}; "
            "put this back or choose another run.folder"
        )
    kinds = [*(("exp_avg", "exp_avg_sq") if state.step else ()), *(["average"] if averaged else [])]
    for name in (f"{kind}.{name}" for kind in kinds for name in task.trained):
        like = task.trained[name.split(".", 1)[1]]
        if name not in state.tensors or state.tensors[name].shape != like.shape:
            raise KeyFaceError(
                f"{folder} cannot be resumed: its state lacks {name}; remove it and start again"
            )
    if state.step > steps:
        raise KeyFaceError(
            f"{folder} is at step {state.step}, past the {steps} asked for; ask for more or start another run"
        )
    if told:
        _log.warning("%s goes on with other settings: %s", folder, told)
    if state.facts["clips"] != clips:
        _log.warning("%s goes on with %d clips, before there were %d", folder, clips, state.facts["clips"])
