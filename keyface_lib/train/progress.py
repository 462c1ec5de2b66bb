"""What a run shows of itself: a bar, a log of JSON lines, and TensorBoard's files where it is installed."""

import json
from pathlib import Path

from tqdm import tqdm

LOG = "log.jsonl"


class Progress:
    """The progress of a run in its folder."""

    def __init__(self, folder: Path, description: str, step: int, steps: int, shown: bool = True):
        self.folder = folder
        self._bar = tqdm(desc=description, initial=step, total=steps, unit="step", disable=not shown)
        self._board = _tensorboard(folder / "tensorboard", step)

    def advance(self) -> None:
        """Counts an update."""
        self._bar.update()

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Reports averages since the last report."""
        self._bar.set_postfix_str(f"loss {values['loss']:.4g}")
        with open(self.folder / LOG, "a", encoding="utf-8") as log:
            log.write(json.dumps({"step": step, **values}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        self._bar.close()
        if self._board is not None:
            self._board.close()


def _tensorboard(folder: Path, step: int):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    # What a killed run had logged after its last state is hidden.
    return SummaryWriter(str(folder), purge_step=step)
