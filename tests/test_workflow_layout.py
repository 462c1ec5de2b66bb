"""The bundled workflows as they lie on the canvas, from their JSON alone."""

import json
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image
from wires import box_of, crossings

ROOT = Path(__file__).parents[1]
TEMPLATES = sorted((ROOT / "workflows").glob("*.json"))
STAGES = ["Load", "Listen", "Feel", "Keyframes", "Frames", "Video"]
EVERY_TEMPLATE = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def group_box(group: dict):
    x, y, width, height = group["bounding"]
    return x, y, x + width, y + height


def apart(a, b) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def inside(box, outer) -> bool:
    return outer[0] <= box[0] and outer[1] <= box[1] and box[2] <= outer[2] and box[3] <= outer[3]


@EVERY_TEMPLATE
def test_no_wire_runs_under_a_node(path):
    assert crossings(read(path), margin=4) == []


def test_wires_would_run_under_nodes_without_their_reroutes():
    workflow = read(ROOT / "workflows" / "Edit the keyframes.json")
    workflow["extra"] = {}
    assert len(crossings(workflow)) > 10


@EVERY_TEMPLATE
def test_nodes_and_groups_do_not_overlap(path):
    workflow = read(path)
    for boxes in ([box_of(node) for node in workflow["nodes"]], [group_box(g) for g in workflow["groups"]]):
        assert all(apart(a, b) for a, b in combinations(boxes, 2))


@EVERY_TEMPLATE
def test_every_node_lies_in_the_one_group_it_belongs_to(path):
    workflow = read(path)
    groups = [group_box(group) for group in workflow["groups"]]
    for node in workflow["nodes"]:
        box = box_of(node)
        holding = [group for group in groups if inside(box, group)]
        touched = [group for group in groups if not apart(box, group)]
        assert holding == touched
        assert len(holding) == (node["type"] != "MarkdownNote"), node["type"]


@EVERY_TEMPLATE
def test_groups_are_numbered_in_the_order_of_the_method(path):
    titles = [group["title"].split(" ", 1) for group in read(path)["groups"]]
    assert [int(number) for number, _ in titles] == list(range(1, len(titles) + 1))
    order = [STAGES.index(name) for _, name in titles if name in STAGES]
    assert order == sorted(order)
    assert (titles[0][1], titles[-1][1]) == ("Load", "Video")


@EVERY_TEMPLATE
def test_a_note_is_short_and_above_everything(path):
    workflow = read(path)
    (note,) = [node for node in workflow["nodes"] if node["type"] == "MarkdownNote"]
    reroutes = [reroute["pos"][1] for reroute in workflow["extra"]["reroutes"]]
    highest = min([group["bounding"][1] for group in workflow["groups"]] + reroutes)
    assert note["pos"][1] + note["size"][1] < highest
    assert len(note["widgets_values"][0].split()) < 120


@EVERY_TEMPLATE
def test_every_node_names_its_pack(path):
    for node in read(path)["nodes"]:
        if node["type"] != "MarkdownNote":
            pack = "keyface" if node["type"].startswith("KeyFace") else "comfy-core"
            assert node["properties"]["cnr_id"] == pack
            assert len(node["properties"]["ver"].split(".")) == 3


@EVERY_TEMPLATE
def test_a_template_has_a_small_picture(path):
    picture = path.with_suffix(".jpg")
    assert picture.stat().st_size <= 150_000
    with Image.open(picture) as image:
        assert image.width == image.height >= 320


def test_reroutes_and_links_agree():
    """A reroute lists the links through it; each link names the last of its reroutes."""
    for path in TEMPLATES:
        extra = read(path)["extra"]
        parents = {reroute["id"]: reroute.get("parentId") for reroute in extra["reroutes"]}
        passing = {key: [] for key in parents}
        for extension in extra["linkExtensions"]:
            key = extension["parentId"]
            while key is not None:
                passing[key].append(extension["id"])
                key = parents[key]
        assert {r["id"]: r["linkIds"] for r in extra["reroutes"]} == {
            key: sorted(links) for key, links in passing.items()
        }


def test_app_mode_shows_portrait_recording_feeling_and_video():
    workflow = read(ROOT / "workflows" / "Portrait and voice to video.json")
    kinds = {str(node["id"]): node["type"] for node in workflow["nodes"]}
    shown = workflow["extra"]["linearData"]
    assert [(kinds[number], widget) for number, widget in shown["inputs"]] == [
        ("LoadImage", "image"),
        ("LoadAudio", "audio"),
        ("KeyFaceEmotionPreset", "state"),
        ("KeyFaceEmotionPreset", "intensity"),
    ]
    assert [kinds[number] for number in shown["outputs"]] == ["SaveVideo"]
