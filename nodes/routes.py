"""What the pack's script asks ComfyUI's server for, beside what every page does."""

import asyncio
import sys

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.messages import one_line
from . import loaders

GUIDANCE = "/keyface/guidance"


def register() -> None:
    """Adds the pack's addresses to the server; a script that only calls nodes has none."""
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is not None and not any(getattr(known, "path", "") == GUIDANCE for known in server.routes):
        server.routes.get(GUIDANCE)(_guidance)


async def _guidance(request):
    """The scales for the loader's choices `keyframe` and `interpolation`; 404 and why, if there are none."""
    from aiohttp import web  # the server's own, which is there by now

    choices = (request.query.get(role, "") for role in loaders.SCALES)
    try:
        # Not in the server's own thread: a released file takes half a second.
        found = await asyncio.to_thread(loaders.guidance, *choices)
    except (KeyFaceError, OSError) as error:
        return web.json_response({"error": one_line(error)}, status=404)
    return web.json_response(found)
