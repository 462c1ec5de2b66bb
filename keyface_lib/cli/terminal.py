"""What the command says. A line that cannot be shown never decides over what was done."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


def say(line: str) -> None:
    """Writes an error or a warning to standard error, as one line under the command's name."""
    note(f"keyface: {line}")


def note(line: str) -> None:
    """Writes one line to standard error, above any progress bar."""
    line = " ".join(line.splitlines())
    bars = sys.modules.get("tqdm")
    if bars is None:
        print(line, file=sys.stderr, flush=True)
    else:
        bars.tqdm.write(line, file=sys.stderr)


@contextmanager
def bar(description: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, as a function of (done, total)."""
    from tqdm import tqdm

    with tqdm(desc=description, unit=unit, file=sys.stderr, delay=0.01) as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield progress


@contextmanager
def terminal() -> Iterator[None]:
    """Inside, printing never fails, and warnings, ours and others', are lines like the errors."""
    _occupy_standard_streams()
    stdout, stderr = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Unfailing(stdout), _Unfailing(stderr)
    log, handler = logging.getLogger("keyface_lib"), _Saying(logging.WARNING)
    log.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _say_warning
            yield
    finally:
        log.removeHandler(handler)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = stdout, stderr


class _Unfailing:
    """A stream that shows what it can: escapes what its encoding lacks, and drops what nobody takes."""

    def __init__(self, stream: TextIO | None):
        self._stream = stream

    def write(self, text: str) -> int:
        if self._stream is not None:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                encoding = self._stream.encoding or "ascii"
                self.write(text.encode(encoding, "backslashreplace").decode(encoding))
            except (OSError, ValueError):  # a closed pipe, a full disk, a closed stream
                self._give_up()
        return len(text)

    def flush(self) -> None:
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._give_up()

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _give_up(self) -> None:
        """Lets Python's own flush at exit succeed, which would fail as well and change the exit status."""
        stream, self._stream = self._stream, None
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


class _Saying(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(f"warning: {record.getMessage()}")


def _say_warning(message: Warning | str, *_where) -> None:
    say(f"warning: {message}")


def _occupy_standard_streams() -> None:
    """Where the shell closed one (`2>&-`), the video would get its number, and FFmpeg's messages."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
