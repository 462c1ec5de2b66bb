"""KeyFace as a ComfyUI node pack. The library alone is `keyface_lib`."""

WEB_DIRECTORY = "web/dist"


async def comfy_entrypoint():
    """What ComfyUI calls to get the nodes; importing them here keeps this package importable without it."""
    from .nodes import KeyFaceExtension

    return KeyFaceExtension()
