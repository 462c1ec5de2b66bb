"""The blueprints that newer versions of ComfyUI list among their nodes: a talking face as one node."""

from uuid import NAMESPACE_URL, uuid5

from layout import GAP, WIDTH
from workflow import PACKS, Workflow
from workflow_parts import MODELS, models

_INPUT, _OUTPUT, _PORTS = -10, -20, 160
"""The ids ComfyUI gives to both ends of a subgraph, and their width."""
_STEP = WIDTH + GAP


def identity(name: str) -> str:
    """The same identifier on every build."""
    return str(uuid5(NAMESPACE_URL, f"keyface/{name}"))


def talking_portrait(definitions: dict) -> dict:
    """A portrait, a recording and a feeling to a video of the portrait."""
    name = "Talking portrait"
    description = (
        "One portrait and one voice recording become a talking face with a feeling: KeyFace's models, audio "
        "encoders and both stages in one node."
    )
    workflow = Workflow(name, name, "", MODELS)
    models(workflow)
    _animate(workflow)
    ports = {entry: ("animate", entry) for entry in ("portrait", "audio", "emotion")}
    places = {"models": (0, 0), "encoders": (_STEP, 320), "animate": (2 * _STEP, 0)}
    return _blueprint(workflow, definitions, description, ports, places)


def full_frame(definitions: dict) -> dict:
    """Any picture, a recording and a feeling to a video of the whole picture."""
    name = "Talking photo, full frame"
    description = (
        "A photograph of any shape and a voice recording become the whole photograph with a talking face in "
        "it. Finds the face in a mask that you paint, or with a detector if one is installed."
    )
    workflow = Workflow(name, name, "", MODELS)
    models(workflow)
    # The picture comes from outside, as a mask may.
    workflow.add("framed", "KeyFaceFrameFace", ("", 0, 0))
    _animate(workflow, portrait="framed.portrait", framing="framed.framing")
    ports = {
        "picture": ("framed", "pictures"),
        "audio": ("animate", "audio"),
        "emotion": ("animate", "emotion"),
        "mask": ("framed", "mask"),
    }
    places = {"models": (0, 0), "encoders": (_STEP, 520), "framed": (_STEP, 0), "animate": (2 * _STEP, 0)}
    return _blueprint(workflow, definitions, description, ports, places)


def _animate(workflow: Workflow, **links: str) -> None:
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
        **links,
    )


def _blueprint(
    workflow: Workflow,
    definitions: dict,
    description: str,
    ports: dict[str, tuple[str, str]],
    places: dict[str, tuple[int, int]],
) -> dict:
    """A workflow of one subgraph node, as files in `subgraphs/` are.

    Args:
        ports: {what enters: (the node and its input that it goes to)}; out comes the video of "animate".
        places: {node: where it lies}.
    """
    nodes, links = workflow.graph(definitions)
    for node, name in zip(nodes, workflow.nodes, strict=True):
        node["pos"] = list(places[name])
    named = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    wires = [dict(zip(named, link, strict=True)) for link in links]
    inputs, outputs = [], []
    for slot, (name, (node_name, entry)) in enumerate(ports.items()):
        node = nodes[workflow.nodes[node_name].id - 1]
        position = [given["name"] for given in node["inputs"]].index(entry)
        target = node["inputs"][position]
        target["link"] = _wire(wires, _INPUT, slot, node["id"], position, target["type"])
        inputs.append(_port(workflow.name, name, target["type"], target["link"], [-GAP - 20, 40 + 20 * slot]))
    animate = nodes[workflow.nodes["animate"].id - 1]
    video = animate["outputs"][0]
    video["links"] = [_wire(wires, animate["id"], 0, _OUTPUT, 0, video["type"])]
    right = 3 * _STEP
    outputs.append(_port(workflow.name, "video", video["type"], video["links"][0], [right + 20, 40]))
    subgraph = {
        "id": identity(workflow.name),
        "version": 1,
        "state": {
            "lastGroupId": 0,
            "lastNodeId": len(nodes),
            "lastLinkId": len(wires),
            "lastRerouteId": 0,
        },
        "revision": 0,
        "config": {},
        "name": workflow.name,
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
        "description": description,
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
        "extra": {"BlueprintDescription": description},
        "version": 0.4,
    }


def _wire(wires: list[dict], source: int, slot: int, target: int, position: int, kind: str) -> int:
    number = len(wires) + 1
    ends = {"origin_id": source, "origin_slot": slot, "target_id": target, "target_slot": position}
    wires.append({"id": number, **ends, "type": kind})
    return number


def _port(workflow: str, name: str, kind: str, link: int, place: list[int]) -> dict:
    return {"id": identity(f"{workflow}/{name}"), "name": name, "type": kind, "linkIds": [link], "pos": place}


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
        "title": subgraph["name"],
        "properties": {"cnr_id": pack, "ver": version},
        "widgets_values": [],
    }
