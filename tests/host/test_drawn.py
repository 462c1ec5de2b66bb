"""The bundled workflows and the blueprints as the host's own front end draws and runs them."""

import json

import pytest

from host.front_ends import PATIENCE_MS, open_page, until_still
from host.prompts import (
    ANY_FILE,
    NOT_HERE,
    TITLES,
    WORKFLOWS,
    node_of,
    read_editor_workflow,
    skip_without_its_nodes,
)
from host.server import PACK, ROOT
from host.test_workflows import FRAMES, probe

BLUEPRINTS = sorted((ROOT / "subgraphs").glob("*.json"))
_EARLY = (1, 40)
"""Front ends before it draw Nodes 2.0 as they first were: nodes grow over their groups' edges."""
_SIZES = "() => app.graph._nodes.map(({ id, size }) => [id, [...size]])"
_ELEMENTS = """() => app.graph._nodes.map(({ id, type }) => {
  const { x, y, width, height } = document.querySelector(`[data-node-id="${id}"]`).getBoundingClientRect();
  return [type, [x, y, x + width, y + height]];
})"""
_MOUNTED = """() => app.graph._nodes.every(({ id }) => document.querySelector(`[data-node-id="${id}"]`))"""
_DRAWN = """(vue) => app.graph._nodes.map(({ id, size }) => {
  const element = document.querySelector(`[data-node-id="${id}"]`);
  return [...size, ...(vue ? Object.values(element.getBoundingClientRect().toJSON()) : [])];
})"""
_SHOW_ALL = """() => {
  app.canvas.ds.scale = 0.3; app.canvas.ds.offset = [150, 700]; app.canvas.setDirty(true, true);
}"""
_AROUND = """async blueprint => {
  await app.loadGraphData(blueprint);
  const [node] = app.graph._nodes, kinds = ['LoadImage', 'LoadAudio', 'KeyFaceEmotionPreset'];
  const add = kind => { const made = LiteGraph.createNode(kind); app.graph.add(made); return made; };
  kinds.forEach((kind, slot) => add(kind).connect(0, node, slot));
  node.connect(0, add('SaveVideo'), 0);
  return (await app.graphToPrompt()).output;
}"""


@pytest.fixture(scope="module", params=[False, True], ids=["classic", "Nodes 2.0"])
def page(request, running, host):
    page = open_page(running, host, vue=request.param)
    page.vue = request.param
    yield page
    page.close()


def version_of(page) -> tuple[int, ...]:
    return tuple(int(part) for part in page.evaluate("window.__COMFYUI_FRONTEND_VERSION__").split(".")[:2])


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nodes_fit_what_they_show(page, host, name):
    """No renderer makes a node larger than it was saved, and none covers another."""
    skip_without_its_nodes(host, name)
    workflow = read_editor_workflow(name)
    page.evaluate("workflow => app.loadGraphData(workflow)", workflow)
    page.evaluate(_SHOW_ALL)
    if page.vue:
        page.wait_for_function(_MOUNTED, timeout=PATIENCE_MS)
    until_still(page, _DRAWN, page.vue)
    early = page.vue and version_of(page) < _EARLY
    if not early and name not in NOT_HERE:  # a missing file adds a line that says so
        saved = {node["id"]: node["size"] for node in workflow["nodes"]}
        drawn = {int(number): size for number, size in page.evaluate(_SIZES)}
        grown = {
            number: (size, saved[number])
            for number, size in drawn.items()
            if size[0] > saved[number][0] + 1 or size[1] > saved[number][1] + 1
        }
        assert grown == {}
    if page.vue:
        elements = page.evaluate(_ELEMENTS)
        covering = [
            (a, b)
            for index, (a, one) in enumerate(elements)
            for b, other in elements[:index]
            if not (
                one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] + 1 or other[3] <= one[1] + 1
            )
        ]
        assert covering == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "workflows" / "earlier").glob("*.json")), ids=lambda p: p.stem
)
def test_an_earlier_editor_file_still_asks_for_what_its_successor_does(page, path):
    """`scales` and all: what somebody saved from the first templates loads with the values it had."""
    page.evaluate("workflow => app.loadGraphData(workflow)", json.loads(path.read_text()))
    old = page.evaluate("async () => (await app.graphToPrompt()).output")
    page.evaluate("workflow => app.loadGraphData(workflow)", read_editor_workflow(path.stem))
    new = page.evaluate("async () => (await app.graphToPrompt()).output")
    assert values_of(old) == values_of(new)


def values_of(prompt: dict) -> dict:
    """Without the one that has become a link since: the rate of the video."""
    return {
        number: {key: value for key, value in entry["inputs"].items() if key != "fps"}
        for number, entry in prompt.items()
    }


def test_blueprints_are_listed_where_the_host_lists_blueprints(host):
    routes = (host.comfyui / "app" / "subgraph_manager.py").is_file()
    if not routes:
        pytest.skip("this ComfyUI has no blueprints of packs")
    entries = host.get("/global_subgraphs")
    ours = {entry["name"]: key for key, entry in entries.items() if entry["info"]["node_pack"].endswith(PACK)}
    assert sorted(ours) == [blueprint.stem for blueprint in BLUEPRINTS]
    for blueprint in BLUEPRINTS:
        served = host.get(f"/global_subgraphs/{ours[blueprint.stem]}")["data"]
        assert json.loads(served) == json.loads(blueprint.read_text())


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda path: path.stem)
def test_a_blueprint_makes_a_video_of_picture_recording_and_feeling(page, host, blueprint):
    prompt = page.evaluate(_AROUND, json.loads(blueprint.read_text()))
    (animate,) = [entry for entry in prompt.values() if entry["class_type"] == "KeyFaceAnimate"]
    animate["inputs"]["steps"] = 1
    result = host.run(prompt)
    assert result.error is None, result.error
    (saved,) = result.outputs[node_of(prompt, "SaveVideo")]["images"]
    assert probe(host.output(saved))["frames"] == FRAMES


def test_weights_that_are_not_there_are_offered_with_their_links():
    """The front end offers a file of `properties.models` that a widget names and no folder holds."""
    for name, title in TITLES.items():
        for node in read_editor_workflow(name)["nodes"]:
            named = {model["name"]: model["url"] for model in node["properties"].get("models", [])}
            chosen = set(node["widgets_values"]) & set(named)
            assert all(url.startswith("https://huggingface.co/") for url in named.values())
            if node["type"].startswith("KeyFaceLoad"):
                assert chosen == (set(named) if name in NOT_HERE else set()), title
    assert set(ANY_FILE.values()) == {"auto"}
