"""Guidance scales from the model: what the server says they are, and what nodes show in the front ends."""

import json
import urllib.error
from urllib.parse import urlencode

import pytest
from safetensors.torch import save_file

from host.front_ends import (
    CURRENT_VUE,
    FRONT_ENDS,
    PATIENCE_MS,
    PINNED,
    open_page,
)
from host.prompts import read_editor_workflow
from host.server import ROOT
from keyface_lib import small

SMALL = {"audio_scale": 1.0, "identity_scale": 1.0, "autoguidance_scale": 1.5}
SET = {"audio_scale": 5.0, "identity_scale": 2.0, "autoguidance_scale": 2.0}
KINDS = ("KeyframeSampler", "InterpolationSampler", "KeyframeGuider", "InterpolationGuider", "Animate")
_NODES = "app.graph.nodes.filter(n => n.widgets?.some(w => w.name === 'scales'))"
_SHOWN = f"""() => Object.assign({{}}, ...{_NODES}.flatMap(n => n.widgets).filter(w => /_scale$/.test(w.name))
  .map(w => ({{ [w.name]: [w.value, Boolean(w.disabled), /[?]$/.test(w.label ?? "")] }})))"""
_STATE = """() => {
  const tracker = app.extensionManager.workflow.activeWorkflow.changeTracker
  tracker.captureCanvasState ? tracker.captureCanvasState() : tracker.checkState()
  return [tracker.undoQueue.length, app.graph.serialize().nodes]
}"""
_CHOOSE = """([name, value]) => app.graph.nodes.flatMap(n => n.widgets ?? []).filter(w => w.name === name)
  .forEach(w => { w.value = value; w.callback?.(value) })"""


@pytest.fixture(scope="module", params=FRONT_ENDS)
def page(request, running):
    server = request.getfixturevalue("bare_host" if request.param == PINNED else "current_host")
    page = open_page(running, server, vue=request.param == CURRENT_VUE)
    page.kind = request.param
    yield page
    page.context.browser.close()


def asked(host, **choices: str) -> tuple[int, str, dict]:
    """The status, the text and the content of what the server answers about choices of the loader."""
    try:
        text, status = host.fetch(f"/api/keyface/guidance?{urlencode(choices)}").decode(), 200
    except urllib.error.HTTPError as error:
        text, status = error.read().decode(), error.code
    return status, text, json.loads(text)


def load(page, workflow: dict) -> None:
    page.evaluate("workflow => app.loadGraphData(workflow)", workflow)
    page.errors.clear()


def until_shown(page, numbers: dict, disabled: bool, unknown: bool = False) -> None:
    """Waits until scales on the page are some numbers, turnable or not, with a question mark or without."""
    wanted = {name: [number, disabled, unknown] for name, number in numbers.items()}
    page.wait_for_function(
        f"wanted => {{ const now = ({_SHOWN})()\n"
        "return Object.entries(wanted).every(([n, w]) => JSON.stringify(now[n]) === JSON.stringify(w)) }",
        arg=wanted,
        timeout=PATIENCE_MS,
    )


def choose(page, name: str, value: object) -> None:
    page.evaluate(_CHOOSE, [name, value])


def test_the_server_says_the_scales_of_the_loaders_choices(host, bare_host):
    own = {"audio": 1.0, "identity": 1.0, "auto": 1.5}
    assert asked(bare_host, keyframe="auto", interpolation="auto")[2] == own
    assert asked(host, keyframe=small.NAME, interpolation="auto")[2] == own
    tiny = {"audio": 5.0, "identity": 2.0, "auto": 2.0}
    assert asked(host, keyframe="auto", interpolation="auto")[2] == tiny
    assert asked(host, keyframe="keyframe.safetensors", interpolation="interpolation.safetensors")[2] == tiny


@pytest.mark.parametrize(
    "name",
    [
        "",
        "none",
        "unknown.safetensors",
        "../keyface/keyframe.safetensors",
        "../../../../etc/passwd",
        "/etc/passwd",
        str(small.FOLDER / "keyframe.safetensors"),
        "keyframe.safetensors\0",
        "\0",
        "line\nbreak",
        "vae.safetensors",
        "~/keyframe.safetensors",
        "x" * 5000,
        "../" * 1500,
    ],
    ids=lambda name: repr(name[:20]),
)
def test_a_name_the_loader_does_not_offer_is_refused_in_one_line(host, name):
    before = host.log.read_text()
    for choices in (
        {"keyframe": name, "interpolation": "auto"},
        {"keyframe": "auto", "interpolation": name},
    ):
        status, text, content = asked(host, **choices)
        assert status == 404
        assert list(content) == ["error"]
        assert "\n" not in content["error"]
        assert len(text) < 500
    assert asked(host, keyframe=name)[0] == 404
    assert host.tracebacks(len(before)) == []


def test_a_damaged_file_and_a_link_to_nothing_are_refused_in_one_line(bare_host):
    folder = bare_host.folder / "models" / "keyface"
    folder.mkdir(exist_ok=True)
    (folder / "damaged.safetensors").write_bytes(b"\xff" * 64)
    (folder / "other.safetensors").symlink_to(folder / "nowhere.safetensors")
    save_file({}, folder / "empty.safetensors")
    try:
        for name in ("damaged.safetensors", "other.safetensors", "empty.safetensors"):
            status, _, content = asked(bare_host, keyframe=name, interpolation=small.NAME)
            assert status == 404, name
            assert "\n" not in content["error"]
        assert asked(bare_host, keyframe="auto", interpolation="auto")[0] == 200
        assert bare_host.tracebacks() == []
    finally:
        for path in folder.glob("*.safetensors"):
            path.unlink()


@pytest.mark.parametrize("name", ["simple", "two_stage", "advanced"])
def test_a_template_shows_the_small_models_scales_and_stays_as_it_is(page, name):
    load(page, read_editor_workflow(name))
    before = page.evaluate(_STATE)
    until_shown(page, SMALL, disabled=True)
    assert page.evaluate(_STATE) == before, "showing the numbers is no edit"
    prompt = page.evaluate("async () => (await app.graphToPrompt()).output")
    api = json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text())
    for number, entry in api.items():
        scales = {key: value for key, value in entry["inputs"].items() if key in SET}
        assert {key: prompt[number]["inputs"][key] for key in scales} == scales
    assert not page.errors


def test_as_set_the_numbers_set_before_are_back_and_undo_knows_only_the_choice(page):
    load(page, read_editor_workflow("simple"))
    until_shown(page, SMALL, disabled=True)
    steps, _ = page.evaluate(_STATE)
    choose(page, "scales", "as set")
    assert page.evaluate(_STATE)[0] == steps + 1
    until_shown(page, SET, disabled=False)
    assert page.evaluate(_STATE)[0] == steps + 1
    page.evaluate("() => app.extensionManager.workflow.activeWorkflow.changeTracker.undo()")
    until_shown(page, SMALL, disabled=True)
    page.evaluate("() => app.extensionManager.workflow.activeWorkflow.changeTracker.redo()")
    until_shown(page, SET, disabled=False)
    assert not page.errors


def test_numbers_that_are_not_in_force_are_saved_and_loaded(page):
    load(page, read_editor_workflow("simple"))
    until_shown(page, SMALL, disabled=True)
    choose(page, "scales", "as set")
    until_shown(page, SET, disabled=False)
    choose(page, "audio_scale", 3.5)
    choose(page, "scales", "from the model")
    until_shown(page, SMALL, disabled=True)
    load(page, page.evaluate("() => app.graph.serialize()"))
    until_shown(page, SMALL, disabled=True)
    choose(page, "scales", "as set")
    until_shown(page, SET | {"audio_scale": 3.5}, disabled=False)
    assert not page.errors


def test_what_cannot_be_known_is_said_and_follows_the_loader_and_the_links(page):
    load(page, read_editor_workflow("simple"))
    until_shown(page, SMALL, disabled=True)
    choose(page, "keyframe", "lost.safetensors")
    until_shown(page, SET, disabled=True, unknown=True)
    choose(page, "keyframe", small.NAME)
    until_shown(page, SMALL, disabled=True)
    page.evaluate(
        f"""() => {{ const [n] = {_NODES}
        n.disconnectInput(n.inputs.findIndex(i => i.name === "keyframe_model")) }}"""
    )
    until_shown(page, {"audio_scale": 5.0, "identity_scale": 2.0}, disabled=True, unknown=True)
    until_shown(page, {"autoguidance_scale": 1.5}, disabled=True)
    page.errors.clear()  # of the file that is not there


def test_new_nodes_take_the_models_scales_and_older_files_and_prompts_keep_theirs(page):
    load(page, {"last_node_id": 0, "last_link_id": 0, "nodes": [], "links": [], "version": 0.4})
    chosen = f"() => {_NODES}.map(n => n.widgets.find(w => w.name === 'scales').value)"
    page.evaluate(
        "kinds => kinds.forEach(kind => app.graph.add(LiteGraph.createNode(`KeyFace${kind}`)))", list(KINDS)
    )
    assert page.evaluate(chosen) == ["from the model"] * len(KINDS)
    until_shown(page, SET, disabled=True, unknown=True)
    older = json.loads((ROOT / "workflows" / "earlier" / "two_stage.json").read_text())
    for node in older["nodes"]:
        if node["type"] in [f"KeyFace{kind}" for kind in KINDS] and node["widgets_values"][-1] in (
            "as set",
            "from the model",
        ):
            node["widgets_values"].pop()
    load(page, older)
    assert page.evaluate(chosen) == ["as set"] * 2
    prompt = json.loads((ROOT / "workflows" / "api" / "simple.json").read_text())
    (animate,) = (entry for entry in prompt.values() if entry["class_type"] == "KeyFaceAnimate")
    del animate["inputs"]["scales"]
    page.evaluate("async prompt => { await app.loadApiJson(prompt, 'older') }", prompt)
    page.wait_for_function(f"() => {_NODES}.length === 1", timeout=PATIENCE_MS)
    assert page.evaluate(chosen) == ["as set"]
    page.evaluate("() => { app.graph.add(LiteGraph.createNode('KeyFaceKeyframeSampler')) }")
    assert page.evaluate(chosen) == ["as set", "from the model"]
    page.errors.clear()  # what the older file's notes and pictures are missed for


def test_a_scale_of_the_model_is_read_and_not_turned(page):
    load(page, read_editor_workflow("simple"))
    until_shown(page, SMALL, disabled=True)
    page.evaluate(
        f"""() => {{ const [n] = {_NODES}, ds = app.canvas.ds; ds.scale = 1
        ds.offset = [200 - n.pos[0], 150 - n.pos[1]]; app.canvas.setDirty(true, true) }}"""
    )
    if page.kind == CURRENT_VUE:
        field = page.locator("[aria-label='audio_scale']:visible").first
        field.wait_for(timeout=PATIENCE_MS)
        page.wait_for_function(
            """() => [...document.querySelectorAll("[aria-label='audio_scale']")]
            .flatMap(e => [e, ...e.querySelectorAll("input")]).some(e => e.value === "1.0" && e.disabled)""",
            timeout=PATIENCE_MS,
        )
    else:
        page.wait_for_function(
            f"""() => {{ const w = {_NODES}[0].widgets.find(w => w.name === "audio_scale")
            return w.computedDisabled && w._displayValue === "1.0" && w.last_y }}""",
            timeout=PATIENCE_MS,
        )
        x, y = page.evaluate(
            f"""() => {{ const [n] = {_NODES}, w = n.widgets.find(w => w.name === "audio_scale")
            const box = app.canvas.canvas.getBoundingClientRect()
            return [box.x + 200 + n.size[0] - 25, box.y + 150 + w.last_y + 10] }}"""
        )
        page.mouse.click(x, y)
        assert page.evaluate(_SHOWN)["audio_scale"] == [1.0, True, False]
        choose(page, "scales", "as set")
        until_shown(page, SET, disabled=False)
        page.wait_for_function(
            f"() => !{_NODES}[0].widgets.find(w => w.name === 'audio_scale').computedDisabled",
            timeout=PATIENCE_MS,
        )
        page.mouse.click(x, y)
        until_shown(page, {"audio_scale": 5.1}, disabled=False)
    assert not page.errors
