"""Lines that ComfyUI shows on a node: what it is doing, and what it did with the values it got."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from comfy_execution.utils import get_executing_context

_remarks: tuple[object, list[str]] = (None, [])
"""The run of a node that was last remarked on, and what was said of it."""


def show(text: str) -> None:
    """Shows `text` on the node that is running, in place of what stood there; nothing without a page.

    What was remarked of this run stays below it.
    """
    context = get_executing_context()
    # ComfyUI's server has been imported wherever there is a page; a script that only calls nodes has none.
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if context is not None and server is not None:
        run, said = _remarks
        lines = [text, *(said if run == context else [])]
        server.send_progress_text("\n".join(dict.fromkeys(lines)), context.node_id, server.client_id)


def remark(text: str) -> None:
    """Shows `text` on the node, for as long as it runs and after, and logs it.

    For what does not stop a run and is not quite as its values say.
    """
    global _remarks
    logging.warning("KeyFace: %s", text)
    run, said = _remarks
    context = get_executing_context()
    _remarks = (context, list(dict.fromkeys([*(said if run == context else []), text])))
    show(text)


@contextmanager
def warnings_as_remarks() -> Iterator[None]:
    """What the library warns of inside is remarked when it is left."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in said:
        if warning.category is UserWarning:
            remark(str(warning.message))
