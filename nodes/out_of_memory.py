"""What a node says when memory runs out."""

from collections.abc import Iterator
from contextlib import contextmanager

import comfy.model_management as mm
import torch

from ..keyface_lib.errors import KeyFaceError


@contextmanager
def within_memory(what: str) -> Iterator[None]:
    """Names the remedy where memory runs out for good.

    Raises:
        KeyFaceError: in place of `torch.OutOfMemoryError`.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        mm.unload_all_models()  # as ComfyUI does for an error of this kind, which it does not see any more
        raise KeyFaceError(
            f"out of memory in {what}, even in the smallest batches; choose an fp8 weight_dtype in Load "
            "KeyFace Models, start ComfyUI with --lowvram, or close what else uses the card"
        ) from error
