"""Ctrl-C and SIGTERM as a wish to stop after the update at hand."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """A function that says whether a signal has come; outside the main thread, none ever does."""
    came: list[int] = []
    handlers = {}

    def handle(number: int, _frame) -> None:
        if came:  # whoever asks twice means it
            raise KeyboardInterrupt
        came.append(number)

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            handlers[number] = signal.signal(number, handle)
    except ValueError:  # only the main thread may handle signals
        handlers = {}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
