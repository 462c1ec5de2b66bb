"""Starts ComfyUI with dynamic memory switched on, as its main.py does itself where it finds an NVIDIA card.

python dynamic_main.py OPTIONS   in ComfyUI's folder, as main.py is started
"""

import os
import runpy
import sys

from in_host import use_dynamic_memory

sys.path[0] = os.getcwd()  # in place of this folder, whose server.py would hide the real one

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()
import comfy.utils  # noqa: E402
from safetensors import safe_open  # noqa: E402


def read_safetensors(path: str) -> tuple[dict, dict]:
    """What core's own loaders read a file with; theirs needs the driver of dynamic memory."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


comfy.utils.load_safetensors = read_safetensors
use_dynamic_memory()
sys.argv[0] = "main.py"
runpy.run_path("main.py", run_name="__main__")
