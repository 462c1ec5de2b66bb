"""A curve that was read goes into an Emotion Curve by one click, in the real front ends."""

import json

import pytest

from host.front_ends import CURRENT_VUE, PATIENCE_MS
from host.test_editor import CURVE, Editor, load, page, show  # noqa: F401 (page is a fixture)

_WIRED = """() => {
  const sampler = app.graph._nodes.find((n) => n.type === "KeyFaceKeyframeSampler")
  const slot = sampler.inputs.findIndex(({ name }) => name === "emotion")
  return sampler.getInputNode(slot)?.type
}"""
_GRAPH = """() => {
  const [reader, sampler] = ["KeyFaceEmotionFromVideo", "KeyFaceKeyframeSampler"]
    .map((type) => LiteGraph.createNode(type))
  sampler.pos = [900, 0]
  reader.pos = [0, 0]
  app.graph.add(reader)
  app.graph.add(sampler)
  reader.connect(0, sampler, sampler.inputs.findIndex(({ name }) => name === "emotion"))
  return JSON.parse(JSON.stringify(app.graph.serialize()))
}"""
_READER = """(act) => {
  const reader = app.graph._nodes.find((n) => n.type === "KeyFaceEmotionFromVideo")
  const button = reader.widgets.find(({ name }) => name === "keyface_edit")
  %s
}"""
EMPTY = {"last_node_id": 0, "last_link_id": 0, "nodes": [], "links": [], "version": 0.4}


@pytest.fixture
def reader(page):  # noqa: F811
    """A page with the node, wired to a sampler."""
    load(page, EMPTY)
    load(page, page.evaluate(_GRAPH))
    page.errors.clear()
    yield page
    assert not page.errors


def ran(page, curve: dict) -> None:  # noqa: F811
    """What the page is told after a run."""
    page.evaluate(_READER % "reader.onExecuted({ keyface_curve: [act] })", json.dumps(curve))


def press(page) -> None:  # noqa: F811
    """Clicks the button with the mouse."""
    page.evaluate(
        _READER
        % "app.canvas.ds.scale = 1; app.canvas.ds.offset = [150, 150]; app.canvas.setDirty(true, true)"
    )
    page.wait_for_timeout(300)
    if page.kind == CURRENT_VUE:
        page.get_by_role("button", name="Edit this curve").click()
        return
    x, y = page.evaluate(
        _READER
        % """const { x, y } = app.canvas.canvas.getBoundingClientRect()
        return [x + reader.size[0] / 2 + 150, y + (button.last_y ?? button.y) + 10 + 150]"""
    )
    page.mouse.click(x, y)


def curve_nodes(page) -> list:  # noqa: F811
    return page.evaluate(
        "() => app.graph._nodes.filter((n) => n.type === 'KeyFaceEmotionCurve').map((n) => n.id)"
    )


def until_curve_nodes(page, number: int) -> None:  # noqa: F811
    page.wait_for_function(
        "n => app.graph._nodes.filter((node) => node.type === 'KeyFaceEmotionCurve').length === n",
        arg=number,
        timeout=PATIENCE_MS,
    )


def test_one_click_makes_the_read_curve_one_that_can_be_dragged_and_undo_takes_it_back(reader):
    assert reader.evaluate(_READER % "return [button.disabled, button.label]") == [
        True,
        "Run, then edit the curve here",
    ]
    ran(reader, CURVE)
    press(reader)
    until_curve_nodes(reader, 1)
    (made,) = curve_nodes(reader)
    editor = Editor(reader, made)
    assert editor.curve == CURVE
    assert reader.evaluate(_WIRED) == "KeyFaceEmotionCurve"
    show(reader, made)
    editor.drag(editor.place("arousal", 4, 0.5), editor.place("arousal", 6, -0.5))
    assert editor.curve["arousal"][1][0] == pytest.approx(6.0, abs=0.05)
    editor.press("Control+z")
    editor.until_text(json.dumps(CURVE))
    editor.until_shown()
    editor.press("Control+z")
    until_curve_nodes(reader, 0)
    assert reader.evaluate(_WIRED) == "KeyFaceEmotionFromVideo"
    press(reader)  # what was read is still known
    until_curve_nodes(reader, 1)


def test_the_next_curve_goes_into_the_same_node(reader):
    ran(reader, CURVE)
    press(reader)
    until_curve_nodes(reader, 1)
    (made,) = curve_nodes(reader)
    other = {**CURVE, "valence": [[0, 0.25, "smooth"]]}
    ran(reader, other)
    press(reader)
    Editor(reader, made).until_text(json.dumps(other))
    assert curve_nodes(reader) == [made]


def test_the_button_is_not_saved(reader):
    ran(reader, CURVE)
    saved = json.dumps(reader.evaluate("() => app.graph.serialize()"))
    assert "keyface_edit" not in saved
    assert "0.5" in saved
    assert json.dumps(CURVE["arousal"]) not in saved
