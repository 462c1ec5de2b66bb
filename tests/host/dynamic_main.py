"""Starts ComfyUI with dynamic memory switched on, as its main.py does itself where it finds an NVIDIA card.

python dynamic_main.py OPTIONS   in ComfyUI's folder, as main.py is started
"""

import os
import runpy
import sys

sys.path.insert(0, os.getcwd())

import comfy.options

comfy.options.enable_args_parsing()

import comfy.memory_management  # noqa: E402
import comfy.model_patcher  # noqa: E402

comfy.model_patcher.CoreModelPatcher = comfy.model_patcher.ModelPatcherDynamic
comfy.memory_management.aimdo_enabled = True
sys.argv[0] = "main.py"
runpy.run_path("main.py", run_name="__main__")
