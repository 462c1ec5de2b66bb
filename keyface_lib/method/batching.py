"""Work in batches of what fits into memory, and one error where not even a single item fits."""

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from ..errors import KeyFaceError

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

REMEDIES = (
    "keep only the network at work on the device (--offload, offload=True; in ComfyUI --lowvram), compute in "
    "fewer bits (--dtype; in ComfyUI weight_dtype), use a model of smaller images, or close what else holds "
    "memory"
)
_SIGNS = (
    "out of memory",  # CUDA's and Apple's allocators, and what the driver says itself
    "can't allocate memory",  # PyTorch's allocator of main memory
    "not enough memory",  # the same on Windows
    "alloc_failed",  # CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED: no room for their work space
)
"""What the messages of plain RuntimeErrors that mean too little memory contain, in lower case."""


class DoesNotFitError(KeyFaceError, torch.OutOfMemoryError):
    """Memory does not suffice, and smaller batches cannot help.

    It is torch's own error too, so that ComfyUI frees its models as after any other.
    """


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device or main memory is full, and a smaller batch may help.

    Only CUDA has an error class of its own; other allocators raise RuntimeErrors that say so.
    """
    if isinstance(error, DoesNotFitError):
        return False
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


@contextmanager
def memory_for(what: str) -> Iterator[None]:
    """Turns running out of memory inside into the one error that says how to go on.

    Raises:
        DoesNotFitError: `what`, such as "the portrait", does not fit.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        _let_go(error)
        raise _does_not_fit(what, error) from error


class BatchSize:
    """How many items one call may hold; halved for good whenever a call runs out of memory.

    There is one for everything of a kind in a clip: what did not fit once is not tried again.

    Attributes:
        items: at most, in one call.
    """

    def __init__(self, items: int):
        self.items = max(1, items)

    def run(self, function: Callable[[range], _T], indices: range, what: str = "a sequence") -> Iterator[_T]:
        """Calls `function` on consecutive parts of `indices` and yields what it returns; see `first`."""
        while indices:
            result, indices = self.first(function, indices, what)
            yield result

    def first(
        self, function: Callable[[range], _T], indices: range, what: str = "a sequence"
    ) -> tuple[_T, range]:
        """Calls `function` on as many of the first `indices` as fit.

        Args:
            what: a single item is, in messages.

        Returns:
            What `function` returns, and the indices that remain.

        Raises:
            DoesNotFitError: not even one item fits.
        """
        while True:
            part = indices[: self.items]
            try:
                return function(part), indices[len(part) :]
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                _let_go(error)
                if len(part) == 1:
                    raise _does_not_fit(what, error) from error
            self.items = len(part) // 2
            _log.warning("out of memory with a batch of %d: going on with %d", len(part), self.items)


def _does_not_fit(what: str, error: BaseException) -> DoesNotFitError:
    reason = str(error).strip().split("\n")[0].split(". ")[0] or type(error).__name__
    return DoesNotFitError(f"out of memory: {what} does not fit ({reason}); {REMEDIES}")


def _let_go(error: BaseException) -> None:
    """Frees what did not fit, which the error's traceback still holds, and what the allocator keeps."""
    traceback.clear_frames(error.__traceback__)
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if device is not None:
        getattr(torch, device.type).empty_cache()
