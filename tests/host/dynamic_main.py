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
use_dynamic_memory()
sys.argv[0] = "main.py"
runpy.run_path("main.py", run_name="__main__")
