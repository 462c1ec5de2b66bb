"""Lines that ComfyUI shows on a node: what it is doing, and what it did with the values it got."""

import logging

from comfy_execution.utils import get_executing_context
from server import PromptServer


def show(text: str) -> None:
    """Shows `text` on the node that is running, in place of what stood there; nothing without a page."""
    context = get_executing_context()
    server = getattr(PromptServer, "instance", None)
    if context is not None and server is not None:
        server.send_progress_text(text, context.node_id, server.client_id)


def remark(text: str) -> None:
    """Shows `text` on the node and logs it: a run goes on, but not quite as its values say."""
    logging.warning("KeyFace: %s", text)
    show(text)
