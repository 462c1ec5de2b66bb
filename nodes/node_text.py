"""Lines that ComfyUI shows on a node: what it is doing, and what it did with the values it got."""

import logging
import sys

from comfy_execution.utils import get_executing_context


def show(text: str) -> None:
    """Shows `text` on the node that is running, in place of what stood there; nothing without a page."""
    context = get_executing_context()
    # ComfyUI's server has been imported wherever there is a page; a script that only calls nodes has none.
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if context is not None and server is not None:
        server.send_progress_text(text, context.node_id, server.client_id)


def remark(text: str) -> None:
    """Shows `text` on the node and logs it: a run goes on, but not quite as its values say."""
    logging.warning("KeyFace: %s", text)
    show(text)
