"""Draws inputs for so many minutes and reads them in a child with bounds; a child that dies is a finding."""

import argparse
import math
import mmap
import multiprocessing
import os
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.strategies import SearchStrategy

from keyface_lib.errors import KeyFaceError

SECONDS, BYTES, PATIENCE = 10, 2**30, 120
"""Of a processor's time and of memory that an input may take; of a clock's, until a child counts as hung."""
ROUND = 300
"""Inputs between two reports."""
LONGEST_MESSAGE = 1000
_LENGTH, _ROOM = 8, 2**24


@dataclass(frozen=True)
class Fuzzer:
    """Inputs of one kind, and what is done with each.

    Attributes:
        inputs: draws them.
        read: raises KeyFaceError for what it refuses; any other error is a finding.
    """

    inputs: SearchStrategy
    read: Callable[[Any], None]


@dataclass
class Tally:
    """What came of the inputs of a fuzzer; findings by error and place, each with its smallest input."""

    read: int = 0
    refused: int = 0
    findings: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        found = f"{len(self.findings)} findings" if self.findings else "no finding"
        return f"{self.read + self.refused:,} inputs, {self.refused:,} of them refused, {found}"


def main(fuzzers: Mapping[str, Fuzzer], description: str) -> None:
    """Runs the fuzzers one after the other, and ends with status 1 where one found something."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--minutes", type=float, default=10, help="for all of them together")
    parser.add_argument("--only", choices=fuzzers, help="one of them")
    parser.add_argument("--seed", type=int, default=0, help="of the first inputs")
    options = parser.parse_args()
    chosen = {options.only: fuzzers[options.only]} if options.only else fuzzers
    tallies = {
        name: run(fuzzer, 60 * options.minutes / len(chosen), options.seed) for name, fuzzer in chosen.items()
    }
    for name, tally in tallies.items():
        print(f"{name}: {tally}")
        for place, found in tally.findings.items():
            print(f"  {place}\n    {found[:3000]}")
    sys.exit(any(tally.findings for tally in tallies.values()))


def run(fuzzer: Fuzzer, seconds: float, seed: int = 0) -> Tally:
    """What comes of a fuzzer in so many seconds."""
    context, tally = multiprocessing.get_context("fork"), Tally()
    until = time.monotonic() + seconds
    shared = mmap.mmap(-1, _LENGTH + _ROOM)
    while time.monotonic() < until:
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_rounds, args=(fuzzer, seed, until, tally.findings, shared, sender))
        child.start()
        sender.close()
        while True:
            try:
                if not receiver.poll(PATIENCE):
                    child.kill()
                    tally.findings[f"busy for {PATIENCE} s, seed {seed}"] = _noted(shared)
                    break
                report = receiver.recv()
            except EOFError:
                child.join()
                if child.exitcode:
                    tally.findings[f"died with {child.exitcode}, seed {seed}"] = _noted(shared)
                break
            seed += 1
            tally.read, tally.refused = tally.read + report.read, tally.refused + report.refused
            tally.findings |= report.findings
        child.join()
        receiver.close()
        seed += 1
    return tally


def _rounds(
    fuzzer: Fuzzer, seed: int, until: float, known: dict[str, str], shared: mmap.mmap, sender: Any
) -> None:
    """In the child: rounds of inputs until the time is up, each reported."""
    warnings.simplefilter("ignore")
    taken = resource.getpagesize() * int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (taken + 4 * BYTES, resource.RLIM_INFINITY))
    _round(fuzzer, seed, min(until, time.monotonic() + 20), {}, shared, 20)  # imports what is imported late
    known = dict(known)
    while time.monotonic() < until:
        report = _round(fuzzer, seed, until, known, shared)
        known |= report.findings
        sender.send(report)
        seed += 1
    sender.close()
    os._exit(0)  # libraries of C may have been left in any state


def _round(
    fuzzer: Fuzzer,
    seed: int,
    until: float,
    known: Mapping[str, str],
    shared: mmap.mmap,
    inputs: int = ROUND,
) -> Tally:
    tally = Tally()
    last: list[str] = []

    def tried(value: Any) -> None:
        if time.monotonic() > until:
            return
        _note(shared, value)
        Path("/proc/self/clear_refs").write_text("5")  # from now on the most memory is that of this input
        started, memory = time.process_time(), _most_memory()
        try:
            try:
                fuzzer.read(value)
                tally.read += 1
            except KeyFaceError as error:
                tally.refused += 1
                require_plain(error)
            if time.process_time() - started > SECONDS:
                raise TimeoutError(f"takes {time.process_time() - started:.1f} s")
            if (taken := _most_memory() - memory) > BYTES:
                raise MemoryError(f"takes {taken >> 20} MB")
        except Exception as error:
            place = _place(error)
            if place in known:
                return
            last[:] = [place, f"{type(error).__name__}: {str(error)[:500]}\n    {repr(value)[:2000]}"]
            raise

    test = hypothesis.settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )(hypothesis.seed(seed)(hypothesis.given(fuzzer.inputs)(tried)))
    try:
        test()
    except Exception as error:
        if not last:
            raise
        tally.findings[last[0]] = last[1] or repr(error)
    return tally


def require_plain(error: KeyFaceError) -> None:
    """Raises unless an error's message is one line that can be shown, or where memory was what ran out."""
    message, cause = str(error), error.__cause__ or error.__context__
    if not message.isprintable() or not 10 < len(message) < LONGEST_MESSAGE:
        raise AssertionError(f"no plain sentence: {message[:300]!r}")
    if type(cause) is MemoryError:  # FFmpeg's own has the same name and is how it says that a claim is absurd
        raise cause


def _most_memory() -> int:
    """The most bytes of memory that this process has held, since that was last forgotten."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _place(error: BaseException) -> str:
    """The kind of an error and where in the project it left; what tells one finding from another."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "keyface_lib" in frame.filename]
    at = f"{Path(frames[-1].filename).name}:{frames[-1].name}" if frames else "the fuzzer"
    return f"{type(error).__name__} in {at}"


def _note(shared: mmap.mmap, value: Any) -> None:
    """Leaves the input where the parent finds it should the child die of it."""
    text = repr(value).encode(errors="backslashreplace")[:_ROOM]
    shared.seek(0)
    shared.write(len(text).to_bytes(_LENGTH, "little") + text)


def _noted(shared: mmap.mmap) -> str:
    shared.seek(0)
    return shared.read(int.from_bytes(shared.read(_LENGTH), "little")).decode()


def finite(*numbers: float) -> None:
    """Raises an AssertionError for a number that is none."""
    if not all(map(math.isfinite, numbers)):
        raise AssertionError(f"not finite: {numbers}")
