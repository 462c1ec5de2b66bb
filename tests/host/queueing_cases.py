"""What ComfyUI asks the loaders when an unchanged workflow is queued again. Run by the host's own Python.

python queueing_cases.py COMFYUI MODELS   prints one JSON object: the files read, {when: [name, ...]}, and
what is said of a file that is damaged, then mended, without a restart

MODELS is a folder with the models folders `keyface` and `audio_encoders`.
"""

import json
import os
import sys
from pathlib import Path

from in_host import prepare

COMFYUI, MODELS = sys.argv[1], Path(sys.argv[2])
prepare(COMFYUI)

import folder_paths  # noqa: E402
from keyface_pack.nodes import files, loaders  # noqa: E402

folder_paths.models_dir = str(MODELS)
folder_paths.add_model_folder_path("audio_encoders", str(MODELS / "audio_encoders"), is_default=True)
files.register_folder()
NETWORKS = dict.fromkeys(("keyframe", "interpolation", "reduced", "vae"), files.AUTO)
ENCODERS = dict.fromkeys(loaders.ENCODERS, files.AUTO)
read: list[str] = []
plain_read = files.read_metadata


def counted(path: Path):
    read.append(path.name)
    return plain_read(path)


def queue() -> list[str]:
    """The files read for one queueing: ComfyUI validates inputs and asks for what changes with them."""
    read.clear()
    for node, choices in ((loaders.LoadModels, NETWORKS), (loaders.LoadAudioEncoders, ENCODERS)):
        assert node.validate_inputs(**choices) is True
        node.fingerprint_inputs(**choices)
    return sorted(read)


files.read_metadata = counted
first, again = queue(), queue()
changed = MODELS / "keyface" / "reduced.safetensors"
os.utime(changed, ns=(0, 0))
found = {"first": first, "again": again, "changed": queue()}
whole = changed.read_bytes()
changed.write_bytes(whole[:100])
found["damaged"] = loaders.LoadModels.validate_inputs(**NETWORKS | {"reduced": changed.name})
changed.write_bytes(whole)
found["mended"] = loaders.LoadModels.validate_inputs(**NETWORKS | {"reduced": changed.name})
print(json.dumps(found))
