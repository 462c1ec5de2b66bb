"""Prompts and small files for the real server."""

import json

import pytest

from host.server import ROOT

TITLES = {
    "simple": "Portrait and voice to video",
    "released": "Photographs with the released weights",
    "whole_photo": "Talking photo, full frame",
    "two_people": "Two people talking",
    "enlarged_face": "Enlarge the face and paste it back",
    "smooth": "Fifty frames a second",
    "two_stage": "Edit the keyframes",
    "repair": "Repair one keyframe and interpolate",
    "retouch": "Retouch a keyframe and pin it",
    "emotion_change": "A change of feeling",
    "driven": "A feeling from a video",
    "performed": "Head motion and expression",
    "advanced": "Your own sampler and schedule",
    "upscale": "Larger pictures",
    "long_audio": "Minutes and hours",
}
"""{name of a workflow's API file: name of its editor file, the template's}."""
WORKFLOWS = sorted(TITLES)
NOT_HERE = {"released"}
"""Workflows that ask for files by names that the tests' models do not have."""
FOREIGN = {"upscale": "upscale_models", "enlarged_face": "upscale_models", "smooth": "frame_interpolation"}
"""Workflows that need models that are not KeyFace's, and the folders of those."""
REFUSED = {"driven"}
"""Workflows that ask for an emotion model, see test_emotion_from_video."""
ANY_FILE = dict.fromkeys(
    ("keyframe", "interpolation", "reduced", "vae", "wavlm", "beats", "wav2vec2"), "auto"
)


def read_workflow(name: str, **values) -> dict:
    """A bundled workflow in API format; `values` replace widgets' values wherever they are called so."""
    prompt = json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text())
    values = (ANY_FILE if name in NOT_HERE else {}) | values
    for node in prompt.values():
        widgets = {key for key, value in node["inputs"].items() if not isinstance(value, list)}
        node["inputs"] |= {key: value for key, value in values.items() if key in widgets}
    return prompt


def read_editor_workflow(name: str) -> dict:
    """A bundled workflow as the editor saves it."""
    return json.loads((ROOT / "workflows" / f"{TITLES[name]}.json").read_text(encoding="utf-8"))


def skip_without_its_nodes(host, name: str) -> None:
    """Skips a test of a workflow that needs nodes which this ComfyUI is too old for."""
    asked = {node["class_type"] for node in read_workflow(name).values()}
    if missing := asked - set(host.get("/object_info")):
        assert not any(kind.startswith("KeyFace") for kind in missing)
        pytest.skip(f"this ComfyUI has no {', '.join(sorted(missing))}")


def node_of(prompt: dict, kind: str) -> str:
    """The id of the only node of a type."""
    (node,) = [number for number, entry in prompt.items() if entry["class_type"] == kind]
    return node


def saved_latent(prompt: dict, node: str, slot: int = 0) -> str:
    """Adds a node that writes a LATENT to disk, and returns its id."""
    number = str(max(map(int, prompt)) + 1)
    prompt[number] = {
        "class_type": "SaveLatent",
        "inputs": {"samples": [node, slot], "filename_prefix": "latents/test"},
    }
    return number


def only(prompt: dict, *nodes: str) -> dict:
    """The part of a prompt that some of its nodes need."""
    needed, open_nodes = set(), list(nodes)
    while open_nodes:
        node = open_nodes.pop()
        if node not in needed:
            needed.add(node)
            open_nodes += [value[0] for value in prompt[node]["inputs"].values() if isinstance(value, list)]
    return {number: entry for number, entry in prompt.items() if number in needed}
