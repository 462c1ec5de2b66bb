"""Makes the pack importable in the host's own Python, as ComfyUI does it, without starting a server."""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACK = "keyface_pack"


def prepare(comfyui: str) -> None:
    """Puts ComfyUI on the path, set to the processor, and loads the pack's root package as `keyface_pack`."""
    sys.path.insert(0, comfyui)
    from comfy.cli_args import args

    args.cpu = True
    if os.environ.get("KEYFACE_DYNAMIC_MEMORY") == "1":
        use_dynamic_memory()
    spec = importlib.util.spec_from_file_location(
        PACK, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    sys.modules[PACK] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def use_dynamic_memory(used: bool = True) -> None:
    """Switches ComfyUI's dynamic memory on, as its main.py does where it finds an NVIDIA card, or off."""
    import comfy.memory_management
    import comfy.model_patcher as patchers

    patchers.CoreModelPatcher = patchers.ModelPatcherDynamic if used else patchers.ModelPatcher
    comfy.memory_management.aimdo_enabled = used


def called(node, **inputs):
    """What a stock node returns, whichever of ComfyUI's two schemas it is written in."""
    if hasattr(node, "execute"):
        return node.execute(**inputs).result
    return getattr(node(), node.FUNCTION)(**inputs)
