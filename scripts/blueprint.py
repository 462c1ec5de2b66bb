"""The blueprint that newer versions of ComfyUI list among their nodes: a talking portrait as one node."""

from uuid import NAMESPACE_URL, uuid5

from layout import GAP, WIDTH
from workflow import PACKS, Workflow
from workflow_parts import MODELS

NAME = "Talking portrait"
DESCRIPTION = (
    "One portrait and one voice recording become a talking face with a feeling: KeyFace's models, audio "
    "encoders and both stages in one node."
)
_INPUT, _OUTPUT, _PORTS = -10, -20, 160
"""The ids ComfyUI gives to both ends of a subgraph, and their width."""


def identity(name: str) -> str:
    """The same identifier on every build."""
    return str(uuid5(NAMESPACE_URL, f"keyface/{name}"))


def talking_portrait(definitions: dict) -> dict:
    """A workflow of one subgraph node, as files in `subgraphs/` are."""
    workflow = Workflow(NAME, NAME, "", MODELS)
    workflow.add("models", "KeyFaceLoadModels", ("", 0, 0))
    workflow.add(
        "encoders",
        "KeyFaceLoadAudioEncoders",
        ("", 1, 0),
        keyframe_model="models.keyframe",
        interpolation_model="models.interpolation",
    )
    workflow.add(
        "animate",
        "KeyFaceAnimate",
        ("", 2, 0),
        keyframe_model="models.keyframe",
        interpolation_model="models.interpolation",
        reduced_model="models.reduced",
        vae="models.vae",
        encoders="encoders.encoders",
        scales="from the model",
    )
    nodes, links = workflow.graph(definitions)
    for node, left, top in zip(nodes, (0, WIDTH + GAP, 2 * (WIDTH + GAP)), (0, 320, 0), strict=True):
        node["pos"] = [left, top]
    named = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    wires = [dict(zip(named, link, strict=True)) for link in links]
    animate = nodes[-1]
    inputs, outputs = [], []
    for slot, name in enumerate(("portrait", "audio", "emotion")):
        position = [entry["name"] for entry in animate["inputs"]].index(name)
        target = animate["inputs"][position]
        target["link"] = _wire(wires, _INPUT, slot, animate["id"], position, target["type"])
        inputs.append(_port(name, target["type"], target["link"], [-GAP - 20, 40 + 20 * slot]))
    video = animate["outputs"][0]
    video["links"] = [_wire(wires, animate["id"], 0, _OUTPUT, 0, video["type"])]
    right = 3 * (WIDTH + GAP)
    outputs.append(_port("video", video["type"], video["links"][0], [right + 20, 40]))
    subgraph = {
        "id": identity(NAME),
        "version": 1,
        "state": {
            "lastGroupId": 0,
            "lastNodeId": len(nodes),
            "lastLinkId": len(wires),
            "lastRerouteId": 0,
        },
        "revision": 0,
        "config": {},
        "name": NAME,
        "inputNode": {"id": _INPUT, "bounding": [-GAP - _PORTS, 20, _PORTS, 40 + 20 * len(inputs)]},
        "outputNode": {"id": _OUTPUT, "bounding": [right, 20, _PORTS, 60]},
        "inputs": inputs,
        "outputs": outputs,
        "widgets": [],
        "nodes": nodes,
        "groups": [],
        "links": wires,
        "extra": {},
        "category": "KeyFace",
        "description": DESCRIPTION,
    }
    return {
        "id": identity("workflow"),
        "revision": 0,
        "last_node_id": len(nodes) + 1,
        "last_link_id": 0,
        "nodes": [_outside(subgraph, len(nodes) + 1)],
        "links": [],
        "groups": [],
        "config": {},
        "definitions": {"subgraphs": [subgraph]},
        "extra": {"BlueprintDescription": DESCRIPTION},
        "version": 0.4,
    }


def _wire(wires: list[dict], source: int, slot: int, target: int, position: int, kind: str) -> int:
    number = len(wires) + 1
    ends = {"origin_id": source, "origin_slot": slot, "target_id": target, "target_slot": position}
    wires.append({"id": number, **ends, "type": kind})
    return number


def _port(name: str, kind: str, link: int, place: list[int]) -> dict:
    return {"id": identity(f"{NAME}/{name}"), "name": name, "type": kind, "linkIds": [link], "pos": place}


def _outside(subgraph: dict, number: int) -> dict:
    """The node that stands for the subgraph."""
    pack, version = PACKS[True]
    return {
        "id": number,
        "type": subgraph["id"],
        "pos": [0, 0],
        "size": [WIDTH, 100],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [{"name": port["name"], "type": port["type"], "link": None} for port in subgraph["inputs"]],
        "outputs": [
            {"name": port["name"], "type": port["type"], "links": None} for port in subgraph["outputs"]
        ],
        "title": NAME,
        "properties": {"cnr_id": pack, "ver": version},
        "widgets_values": [],
    }
