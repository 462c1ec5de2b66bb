"""The training loop: one process or several, stopped and resumed at any update."""

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object, parse_flag_from_env

from ..data.shards import ClipIndex, index_clips
from ..errors import KeyFaceError
from ..method.batching import is_out_of_memory
from .autoencoder import autoencoder_task
from .config import Config, flat
from .examples import SKIPPED, Examples, Positions, load
from .networks import network_task
from .optimizer import Average, adamw, learning_rate_factor, moments, restore_moments
from .progress import Progress
from .resuming import finished_reduced, require_resumable
from .state import State, read_state, write_state
from .stopping import stop_signals
from .task import Task

_TOLD = (
    "run.seed",
    "run.note",
    "network.start",
    "optimizer.batch",
    "optimizer.learning_rate",
    "optimizer.ema",
    "optimizer.precision",
)
"""Settings that go into the metadata of exported weights."""


MakeTask = Callable[[Config, ClipIndex], Task]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        step: updates made so far.
        steps: updates it is to have.
        weights: the exported weights; None where nothing was written.
        skipped: what was skipped: broken clips and damaged shards, each with the reason.
    """

    step: int
    steps: int
    weights: Path | None
    skipped: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        return self.step >= self.steps


def train(
    stage: str,
    config: Config,
    minutes: float | None = None,
    resume: bool = False,
    make_task: MakeTask | None = None,
) -> Outcome:
    """Trains until the run's last step, or stops before it with a state from which it can be resumed.

    In a process started by `accelerate launch` or torchrun it shares the work with the others.

    Args:
        stage: "keyframes", "interpolation", "vae", or "reduced": the interpolation up to `reduced.step`.
        minutes: time after which it stops; so do Ctrl-C and SIGTERM.
        resume: go on from the state in the run's folder; without one, start.
        make_task: what is trained instead of the stage's own network, for experiments.

    Raises:
        KeyFaceError: the data, weights or settings are unusable, the folder holds a run and `resume` is not
            set, the loss is no longer finite, or memory does not suffice.
    """
    deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes
    if stage == "reduced" and (weights := finished_reduced(config)):
        return Outcome(config.reduced.step, config.reduced.step, weights)
    on_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    accelerator = Accelerator(
        cpu=on_cpu,
        mixed_precision=mixed_precision(config.optimizer.precision, on_cpu),
        gradient_accumulation_steps=config.optimizer.accumulation,
    )
    training = _Training(accelerator, stage, config, make_task or _task_maker(stage))
    try:
        training.begin(resume)
        with stop_signals() as came:
            training.go_on(lambda: came() or time.monotonic() >= deadline)
            return training.end()
    finally:
        training.close()


def _kind(stage: str) -> str:
    """The stage whose run it is: the reduced network is the interpolation as it was early on."""
    return "interpolation" if stage == "reduced" else stage


def _task_maker(stage: str) -> MakeTask:
    return autoencoder_task if stage == "vae" else partial(network_task, _kind(stage))


def mixed_precision(precision: str, on_cpu: bool) -> str:
    """Accelerate's name of a precision; always float32 on the CPU.

    There, bfloat16 convolutions of torch 2.13 were seen to write outside of their memory.
    """
    return "bf16" if precision == "bfloat16" and not on_cpu else "no"


class _Training:
    """A run at work: its weights, optimizer and place, and what it has to tell."""

    def __init__(self, accelerator: Accelerator, stage: str, config: Config, make_task: MakeTask):
        self.accelerator, self.config, self.stage = accelerator, config, stage
        self.kind = _kind(stage)
        self.steps = config.reduced.step if stage == "reduced" else config.run.steps
        self.folder = Path(config.run.folder)
        self.clips = index_clips(config.data.shards)
        self.task = make_task(config, self.clips)
        self.step, self.saved = 0, -1
        self.started = time.monotonic()
        self.skipped = dict.fromkeys(f"{name}: {damage}" for name, damage in self.clips.damaged.items())
        self.progress: Progress | None = None
        self.losses: list[dict[str, torch.Tensor]] = []
        """Of every call since the last report, left on the device until then."""
        self.reported = self.started

    def begin(self, resume: bool) -> None:
        """Places everything on the device and takes up the state in the folder."""
        settings, trained = self.config.optimizer, self.task.trained
        state = read_state(self.folder)
        if state is not None:
            if not resume:
                raise KeyFaceError(
                    f"{self.folder} holds a run of {state.step} steps; add --resume or choose another folder"
                )
            require_resumable(state, self.task, self.config, self.kind, len(self.clips), self.steps)
            self.task.load({name: state.tensors[f"weights.{name}"] for name in trained})
        for module in self.task.frozen:
            module.to(self.accelerator.device)
        optimizer = adamw(trained, settings)
        self.module, self.optimizer = self.accelerator.prepare(self.task.step.train(), optimizer)
        self.average = Average(trained, settings.ema) if settings.ema else None
        if state is not None:
            self.step = self.saved = state.step
            self.started -= state.facts["seconds"]
            self.skipped |= dict.fromkeys(state.facts["skipped"])
            if state.step:
                restore_moments(self.optimizer.optimizer, trained, state.tensors, state.step)
            if self.average is not None:
                self.average.load({name: state.tensors[f"average.{name}"] for name in trained})
        if self.accelerator.is_main_process:
            self._make_folder()
            self.progress = Progress(self.folder, self.stage, self.step, self.steps)

    def go_on(self, stop: Callable[[], bool]) -> None:
        """Makes updates until the last step, or until `stop` says so."""
        settings, run, accelerator = self.config.optimizer, self.config.run, self.accelerator
        positions = Positions(
            self.step,
            settings.batch,
            settings.accumulation,
            accelerator.process_index,
            accelerator.num_processes,
        )
        examples = Examples(self.clips, self.task.make, run.seed)
        pinned = accelerator.device.type == "cuda"
        batches = iter(load(examples, positions, self.config.data.workers, pinned))
        while self.step < self.steps and not self._agreed(stop()):
            self._update(batches, positions.size)
            if self.step % run.log_every == 0:
                self._report()
            if self.step % run.save_every == 0:
                self._save()
            if run.sample_every and self.step % run.sample_every == 0:
                self._preview()
            if self.step == self.config.reduced.step and self.task.export_reduced is not None:
                self._export(self.task.export_reduced)

    def end(self) -> Outcome:
        """Saves what there is and exports the weights."""
        self._save()
        weights = None
        if self.stage != "reduced":
            weights = self._export(self.task.export)
        elif self.step == self.steps:
            weights = self._export(self.task.export_reduced)
        return Outcome(self.step, self.steps, weights, tuple(self.skipped))

    def close(self) -> None:
        """Ends what is shown, and the company of other processes."""
        if self.progress is not None:
            self.progress.close()
        # The wrapped module goes first: were it the last to hold the process group, gloo would wait for its
        # threads with Python's lock held, and now and then for ever.
        self.module = self.optimizer = None
        self.accelerator.free_memory()
        gc.collect()
        self.accelerator.end_training()

    def _update(self, batches: Iterator[dict], size: int) -> None:
        settings = self.config.optimizer
        factor = learning_rate_factor(self.step, settings.warm_up, self.config.run.steps, settings.decay_last)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        try:
            for _ in range(settings.accumulation):
                batch = next(batches)
                self.skipped |= dict.fromkeys(batch.pop(SKIPPED))
                batch = {name: t.to(self.accelerator.device, non_blocking=True) for name, t in batch.items()}
                self._call(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise KeyFaceError(
                f"out of memory with {size} examples in one call; double optimizer.accumulation "
                f"({settings.accumulation}), set optimizer.checkpointing = true, or lower optimizer.batch "
                f"({settings.batch})"
            ) from error
        self.step += 1
        if self.average is not None:
            self.average.update(self.step)
        if self.progress is not None:
            self.progress.advance()

    def _call(self, batch: dict[str, torch.Tensor]) -> None:
        """Adds the gradients of one call; with the last one of an update, moves the weights."""
        with self.accelerator.accumulate(self.module):
            losses = self.module(batch)
            self.accelerator.backward(losses["loss"])
            if self.accelerator.sync_gradients and self.config.optimizer.clip_norm:
                parameters = self.task.trained.values()
                self.accelerator.clip_grad_norm_(parameters, self.config.optimizer.clip_norm)
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.losses.append({name: loss.detach().float() for name, loss in losses.items()})

    def _report(self) -> None:
        """Tells the mean losses since the last report.

        Raises:
            KeyFaceError: they are not finite.
        """
        if not self.losses:
            return
        names, losses = list(self.losses[0]), self.losses
        means = torch.stack([torch.stack([loss[name] for name in names]) for loss in losses]).mean(dim=0)
        means = self.accelerator.reduce(means, "mean").tolist()
        values = dict(zip(names, means, strict=True))
        updates = len(losses) // self.config.optimizer.accumulation
        seconds, self.reported, self.losses = time.monotonic() - self.reported, time.monotonic(), []
        if not all(map(math.isfinite, means)):
            raise self._broken_down(f"the loss is {values['loss']} in the {updates} steps up to {self.step}")
        if self.progress is not None:
            values["learning_rate"] = self.optimizer.param_groups[0]["lr"]
            values["examples_per_second"] = updates * self.config.optimizer.batch / seconds
            self.progress.scalars(self.step, values)

    def _save(self) -> None:
        """Writes the state, if the losses and weights are finite."""
        if self.step == self.saved:
            return
        self._report()
        if not all(bool(parameter.isfinite().all()) for parameter in self.task.trained.values()):
            raise self._broken_down(f"the weights are no longer finite after step {self.step}")
        self.skipped = dict.fromkeys(gather_object(list(self.skipped)))
        if self.accelerator.is_main_process:
            write_state(self.folder, self._state())
        self.accelerator.wait_for_everyone()
        self.saved = self.step

    def _state(self) -> State:
        trained = self.task.trained
        tensors = {f"weights.{name}": parameter for name, parameter in trained.items()}
        tensors |= moments(self.optimizer.optimizer, trained)
        if self.average is not None:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.tensors.items()}
        facts = {
            "stage": self.kind,
            "seconds": round(time.monotonic() - self.started, 1),
            "clips": len(self.clips),
            "processes": self.accelerator.num_processes,
            "skipped": list(self.skipped),
            "config": flat(self.config),
        }
        return State(self.step, tensors, facts)

    def _export(self, export: Callable[[Path, dict], Path]) -> Path | None:
        if not self.accelerator.is_main_process:
            return None
        settings = flat(self.config)
        training = {
            "step": self.step,
            "seconds": round(time.monotonic() - self.started),
            "clips": len(self.clips),
            **{key: settings[key] for key in _TOLD if settings[key]},
        }
        with self._averaged():
            return export(self.folder, training)

    def _preview(self) -> None:
        if self.task.preview is None or not self.accelerator.is_main_process:
            return
        (self.folder / "samples").mkdir(exist_ok=True)
        with self._averaged(), self.accelerator.autocast():
            self.task.preview(self.folder / "samples" / f"step-{self.step:08}")

    def _averaged(self):
        return nullcontext() if self.average is None else self.average.in_place()

    def _agreed(self, stop: bool) -> bool:
        """Whether any of the processes wants to stop, so that all do at the same step."""
        if self.accelerator.num_processes == 1:
            return stop
        wish = torch.tensor(float(stop), device=self.accelerator.device)
        return bool(self.accelerator.reduce(wish, "sum") > 0)

    def _broken_down(self, what: str) -> KeyFaceError:
        kept = f"the state of step {self.saved} is kept" if self.saved >= 0 else "no state was saved before"
        return KeyFaceError(
            f"{self.folder}: {what}; {kept}; lower optimizer.learning_rate or set clip_norm there, and resume"
        )

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KeyFaceError(
                f"run.folder {self.folder} cannot be made ({error.strerror}); choose another"
            ) from error
