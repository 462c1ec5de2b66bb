"""Work in batches of what fits into memory."""

import logging
from collections.abc import Callable, Iterator

import torch

_log = logging.getLogger(__name__)


class BatchSize:
    """How many items one call may hold; halved for good whenever a call runs out of memory."""

    def __init__(self, items: int):
        self.items = max(1, items)

    def run(self, function: Callable[[range], torch.Tensor], indices: range) -> Iterator[torch.Tensor]:
        """Calls `function` on consecutive parts of `indices` and yields what it returns.

        Raises:
            torch.OutOfMemoryError: not even one item fits.
        """
        while indices:
            part = indices[: self.items]
            try:
                result = function(part)
            except torch.OutOfMemoryError:
                if self.items == 1:
                    raise
                result = None
            if result is None:  # outside of the handler, whose traceback still holds what did not fit
                self.items //= 2
                torch.cuda.empty_cache()
                _log.warning("out of memory with a batch of %d: going on with %d", len(part), self.items)
                continue
            yield result
            indices = indices[len(part) :]
