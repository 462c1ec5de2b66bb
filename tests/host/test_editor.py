"""The emotion curve editor, used as an artist would, in the real front ends."""

import base64
import json
import re
from dataclasses import dataclass

import pytest
import torch

from host.front_ends import CURRENT_VUE, FRONT_ENDS, PINNED, chromium, current_front_end, open_page
from host.server import Host
from keyface_lib.method.emotion import EmotionCurve, Point

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

SECONDS = 10.0
"""Shown where there is no sound and the last point lies before."""
CURVE = {
    "v": 1,
    "valence": [[0, -0.5, "smooth"], [8, 0.5, "smooth"]],
    "arousal": [[0, 0, "smooth"], [4, 0.5, "smooth"], [8, 0, "smooth"]],
}
PADDING = 8
SETTLED_MS = 250
_ON_NODE = """([id, values]) => {
  const graphs = [app.graph, ...(app.graph.subgraphs?.values() ?? [])]
  const node = graphs.map((graph) => graph.getNodeById(id)).find((n) => n?.type === "KeyFaceEmotionCurve")
  %s
}"""


@pytest.fixture(scope="module")
def running():
    if chromium() is None:
        pytest.skip("no chromium: the editor is not tested")
    with playwright.sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def current_host(comfyui, tmp_path_factory):
    static = current_front_end()
    if static is None:
        pytest.skip("comfyui-frontend-package is not installed: current front ends are not tested")
    server = Host(comfyui, tmp_path_factory.mktemp("current"), "--front-end-root", str(static))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=FRONT_ENDS)
def page(request, running):
    server = request.getfixturevalue("host" if request.param == PINNED else "current_host")
    page = open_page(running, server, vue=request.param == CURRENT_VUE)
    page.server, page.kind = server, request.param
    yield page
    page.context.browser.close()


@dataclass
class Editor:
    """One editor on the page, addressed by the number of its node."""

    page: object
    node: int

    def evaluate(self, body: str, *values):
        """What JavaScript returns that is run with `node`, the editor's node, and `values`."""
        return self.page.evaluate(_ON_NODE % body, [self.node, list(values)])

    @property
    def text(self) -> str:
        return self.evaluate("return node.widgets.find(w => w.name === 'curve').value")

    @text.setter
    def text(self, text: str) -> None:
        self.evaluate("node.widgets.find(w => w.name === 'curve').value = values[0]", text)
        self.page.wait_for_timeout(SETTLED_MS)

    @property
    def curve(self) -> dict:
        return json.loads(self.text)

    @property
    def root(self):
        """The editor's element: that of the node's own widget."""
        body = "return node.widgets.find(w => w.name === 'keyface_editor').element"
        return self.page.evaluate_handle(_ON_NODE % body, [self.node, []]).as_element()

    def place(self, lane: str, seconds: float, value: float) -> tuple[float, float]:
        """Where a time and a value lie on the screen."""
        panel = self.root.query_selector_all(".kf-lanes .kf-panel")[{"valence": 1, "arousal": 2}[lane]]
        box = panel.bounding_box()
        svg = self.root.query_selector(".kf-lanes")
        scale = svg.bounding_box()["width"] / float(svg.get_attribute("width"))
        inner = box["height"] - 2 * PADDING * scale
        x = box["x"] + box["width"] * seconds / SECONDS
        return x, box["y"] + PADDING * scale + inner * (1 - value) / 2

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*start)
        self.page.mouse.down()
        for part in (0.3, 0.7, 1.0):
            self.page.mouse.move(*(a + part * (b - a) for a, b in zip(start, end, strict=True)))
        self.page.mouse.up()
        self.page.wait_for_timeout(SETTLED_MS)

    def click(self, lane: str, seconds: float, value: float) -> None:
        self.page.mouse.click(*self.place(lane, seconds, value))
        self.page.wait_for_timeout(SETTLED_MS)

    @property
    def points(self) -> int:
        return len(self.root.query_selector_all(".kf-point"))

    @property
    def status(self) -> str:
        return self.root.query_selector(".kf-status").inner_text()


def show(page, node: int, scale: float = 1.0, at: tuple[float, float] = (120, 120)) -> None:
    page.evaluate(
        """([id, scale, at]) => { const node = app.graph.getNodeById(id); const ds = app.canvas.ds;
        ds.scale = scale; ds.offset = [at[0] / scale - node.pos[0], at[1] / scale - node.pos[1]];
        app.canvas.setDirty(true, true) }""",
        [node, scale, list(at)],
    )
    page.wait_for_timeout(SETTLED_MS)


def graph_of(*positions: tuple[int, int]) -> dict:
    """A workflow of Emotion Curve nodes alone."""
    nodes = [
        {
            "id": number,
            "type": "KeyFaceEmotionCurve",
            "pos": list(position),
            "size": [640, 440],
            "flags": {},
            "order": number,
            "mode": 0,
            "inputs": [{"name": "audio", "type": "AUDIO", "link": None}],
            "outputs": [{"name": "emotion", "type": "KEYFACE_EMOTION", "links": None}],
            "properties": {"Node name for S&R": "KeyFaceEmotionCurve"},
            "widgets_values": [json.dumps(CURVE)],
        }
        for number, position in enumerate(positions, start=1)
    ]
    return {"last_node_id": len(nodes), "last_link_id": 0, "nodes": nodes, "links": [], "version": 0.4}


def load(page, graph: dict) -> None:
    page.evaluate("graph => app.loadGraphData(graph)", graph)
    page.wait_for_timeout(2 * SETTLED_MS)


@pytest.fixture
def editor(page):
    load(page, graph_of((0, 0)))
    show(page, 1)
    page.errors.clear()
    yield Editor(page, 1)
    assert not page.errors


def test_a_click_adds_a_point_where_it_was_made(editor):
    editor.click("valence", 3.0, 0.25)
    _, added, _ = editor.curve["valence"]
    assert added[0] == pytest.approx(3.0, abs=0.05)
    assert added[1] == pytest.approx(0.25, abs=0.03)
    assert editor.points == 6


@pytest.mark.parametrize(("scale", "at"), [(1.0, (120, 120)), (0.6, (400, 250)), (1.7, (30, 90))])
def test_a_drag_moves_a_point_however_the_canvas_is_zoomed_and_panned(editor, scale, at):
    show(editor.page, 1, scale, at)
    editor.drag(editor.place("arousal", 4, 0.5), editor.place("arousal", 6, -0.5))
    moved = editor.curve["arousal"][1]
    assert moved[0] == pytest.approx(6.0, abs=0.05)
    assert moved[1] == pytest.approx(-0.5, abs=0.05)


def test_alt_snaps_to_keyframes(editor):
    editor.page.keyboard.down("Alt")
    editor.drag(editor.place("arousal", 4, 0.5), editor.place("arousal", 5.0, 0.5))
    editor.page.keyboard.up("Alt")
    seconds = editor.curve["arousal"][1][0]
    assert seconds % 0.52 == pytest.approx(0, abs=2e-3) or seconds % 0.52 == pytest.approx(0.52, abs=2e-3)


def test_undo_and_redo(editor):
    before = editor.text
    editor.drag(editor.place("arousal", 4, 0.5), editor.place("arousal", 6, -0.5))
    after = editor.text
    assert after != before
    editor.page.keyboard.press("Control+z")
    editor.page.wait_for_timeout(2 * SETTLED_MS)
    assert editor.text == before
    editor.page.keyboard.press("Control+Shift+z" if editor.page.kind == PINNED else "Control+y")
    editor.page.wait_for_timeout(2 * SETTLED_MS)
    assert editor.text == after
    assert editor.points == 5


def test_delete_removes_the_point_and_not_the_node(editor):
    editor.click("arousal", 4, 0.5)
    editor.page.keyboard.press("Delete")
    editor.page.wait_for_timeout(SETTLED_MS)
    assert [point[0] for point in editor.curve["arousal"]] == [0, 8]
    assert editor.points == 4


def test_every_point_is_reached_and_moved_by_the_keyboard(editor):
    editor.click("valence", 0, -0.5)
    reached = set()
    for _ in range(5):
        reached.add(editor.page.evaluate("document.activeElement.getAttribute('data-ref')"))
        editor.page.keyboard.press("Tab")
    assert len(reached) == 5
    editor.click("arousal", 4, 0.5)
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowDown"):
        editor.page.keyboard.press(key)
    editor.page.wait_for_timeout(SETTLED_MS)
    assert editor.curve["arousal"][1] == [4.08, 0.42, "smooth"]


def test_a_double_click_asks_for_numbers(editor):
    editor.page.mouse.dblclick(*editor.place("arousal", 4, 0.5))
    editor.page.wait_for_timeout(SETTLED_MS)
    seconds, value = editor.root.query_selector_all(".kf-exact input")
    seconds.fill("5.25")
    value.fill("-0.125")
    value.press("Enter")
    editor.page.wait_for_timeout(SETTLED_MS)
    assert editor.curve["arousal"][1] == [5.25, -0.125, "smooth"]


def test_several_points_in_a_box_move_together(editor):
    editor.drag(editor.place("arousal", 3, 0.9), editor.place("arousal", 9.5, -0.6))
    editor.drag(editor.place("arousal", 4, 0.5), editor.place("arousal", 5, 0.5))
    times = [point[0] for point in editor.curve["arousal"]]
    assert times[0] == 0
    assert times[1:] == pytest.approx([5, 9], abs=0.06)


def test_a_state_dropped_on_the_time_axis_is_a_point_in_both_lanes(editor):
    dot = editor.root.query_selector('.kf-state[data-state="calm"]').bounding_box()
    start = (dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    editor.drag(start, editor.place("valence", 2.0, 0.0))
    for lane, value in (("valence", 0.65), ("arousal", -0.5)):
        (added,) = [point for point in editor.curve[lane] if 1.9 < point[0] < 2.1]
        assert added[1] == value


def test_saved_and_loaded_again_the_curve_is_there(editor):
    editor.click("valence", 3.0, 0.25)
    text = editor.text
    saved = editor.page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))")
    assert saved["nodes"][0]["widgets_values"][0] == text
    load(editor.page, saved)
    assert editor.text == text
    assert editor.points == 6


def test_copied_nodes_are_independent(editor):
    left, top = editor.page.evaluate(
        "() => { const r = app.canvas.canvas.getBoundingClientRect(); return [r.x, r.y] }"
    )
    editor.page.mouse.click(left + 320, top + 108)  # the node's title
    editor.page.keyboard.press("Control+c")
    editor.page.keyboard.press("Control+v")
    editor.page.wait_for_timeout(2 * SETTLED_MS)
    ids = editor.page.evaluate("() => app.graph._nodes.map(n => n.id)")
    (copy,) = [number for number in ids if str(number) != "1"]
    second = Editor(editor.page, copy)
    assert second.text == editor.text
    show(editor.page, copy)
    before = editor.text
    second.drag(second.place("arousal", 4, 0.5), second.place("arousal", 6, -0.5))
    assert second.text != before
    assert editor.text == before


def test_two_editors_in_one_graph(editor):
    load(editor.page, graph_of((0, 0), (700, 0)))
    show(editor.page, 1, 0.9, (100, 120))
    second = Editor(editor.page, 2)
    editor.drag(editor.place("arousal", 4, 0.5), editor.place("arousal", 6, -0.5))
    assert second.curve == CURVE
    assert editor.curve != CURVE
    assert (editor.points, second.points) == (5, 5)


def test_a_resized_node_has_a_resized_editor(editor):
    before = editor.root.query_selector(".kf-lanes").bounding_box()
    editor.evaluate("node.setSize([900, 600]); app.canvas.setDirty(true, true)")
    editor.page.wait_for_timeout(2 * SETTLED_MS)
    after = editor.root.query_selector(".kf-lanes").bounding_box()
    assert after["width"] > before["width"] + 100
    assert after["height"] > before["height"] + 80
    editor.click("valence", 3.0, 0.25)
    assert editor.curve["valence"][1][0] == pytest.approx(3.0, abs=0.05)


def test_in_a_subgraph(editor):
    editor.page.evaluate(
        """() => { const node = app.graph.getNodeById(1); app.canvas.selectNode(node);
        const { subgraph, node: outer } = app.graph.convertToSubgraph(new Set([node]));
        Object.assign(window, { subgraph, outer }); app.canvas.openSubgraph(subgraph, outer) }"""
    )
    if editor.page.kind == CURRENT_VUE:  # it mounts a new subgraph's elements when it is opened again
        editor.page.wait_for_timeout(2 * SETTLED_MS)
        editor.page.evaluate("() => app.canvas.setGraph(app.rootGraph ?? app.graph)")
        editor.page.wait_for_timeout(2 * SETTLED_MS)
        editor.page.evaluate("() => app.canvas.openSubgraph(window.subgraph, window.outer)")
    editor.page.wait_for_timeout(3 * SETTLED_MS)
    inner = editor.page.evaluate(
        "() => app.canvas.graph._nodes.find(n => n.type === 'KeyFaceEmotionCurve').id"
    )
    inside = Editor(editor.page, inner)
    editor.page.evaluate(
        """() => { const ds = app.canvas.ds; const n = app.canvas.graph._nodes[0];
        ds.scale = 1; ds.offset = [120 - n.pos[0], 120 - n.pos[1]]; app.canvas.setDirty(true, true) }"""
    )
    editor.page.wait_for_timeout(2 * SETTLED_MS)
    inside.drag(inside.place("arousal", 4, 0.5), inside.place("arousal", 6, -0.5))
    assert inside.curve["arousal"][1][0] == pytest.approx(6.0, abs=0.05)
    editor.page.evaluate("() => app.canvas.setGraph(app.rootGraph ?? app.graph.rootGraph ?? app.graph)")


def test_the_short_form_is_read_and_becomes_json_with_the_first_edit(editor):
    editor.text = "0:neutral 4:happy"
    assert editor.points == 4
    assert editor.text == "0:neutral 4:happy"
    editor.click("valence", 2.0, -0.5)
    assert len(editor.curve["valence"]) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"v":1,"valence":[[0', "malformed"),
        ('{"v":7}', "version 7"),
        ('{"v":1,"valence":[[3,0,"smooth"],[1,0,"smooth"]]}', "sort the points"),
        ("0:hapy", "unknown"),
    ],
)
def test_what_is_wrong_is_said_and_the_text_stays(editor, text, said):
    editor.text = text
    assert said in editor.status
    editor.page.mouse.click(*editor.place("valence", 3.0, 0.25))
    editor.page.wait_for_timeout(SETTLED_MS)
    assert editor.text == text


def test_ten_thousand_points_are_shown_without_handles(editor):
    rows = [[round(i / 100, 2), 0.5 if i % 2 else -0.5, "smooth"] for i in range(10_000)]
    editor.text = json.dumps({"v": 1, "valence": rows, "arousal": []})
    assert "zoom in" in editor.status
    assert editor.points == 0


def test_the_large_view_edits_the_same_text(editor):
    editor.root.query_selector('button[title="Opens a large view"]').click()
    dialog = editor.page.locator("dialog.kf-dialog")
    panel = dialog.locator(".kf-lanes .kf-panel").nth(1).bounding_box()
    assert panel["width"] > 700
    editor.page.mouse.click(panel["x"] + 0.3 * panel["width"], panel["y"] + panel["height"] / 2)
    editor.page.wait_for_timeout(SETTLED_MS)
    assert len(editor.curve["valence"]) == 3
    editor.page.keyboard.press("Escape")  # leaves the point
    editor.page.keyboard.press("Escape")  # leaves the view
    assert dialog.count() == 0
    assert editor.points == 6


def test_what_is_drawn_is_what_reaches_python(editor):
    """Queued from the page, the node's output on the server is sampled and compared with the drawn curve."""
    editor.click("valence", 3.0, 0.8)
    editor.drag(editor.place("arousal", 4, 0.5), editor.place("arousal", 5.5, -0.7))
    drawn = {lane: drawn_curve(editor, lane) for lane in ("valence", "arousal")}
    editor.evaluate(
        "const shown = LiteGraph.createNode('PreviewAny'); app.graph.add(shown); node.connect(0, shown, 0);"
    )
    editor.page.evaluate("() => app.queuePrompt(0)")
    text = ""
    for _ in range(60):
        runs = [run for run in editor.page.server.get("/history").values() if run["status"]["completed"]]
        shown = [out["text"][0] for run in runs for out in run["outputs"].values() if "text" in out]
        text = next((t for t in reversed(shown) if t.startswith("EmotionCurve(")), "")
        if text and str(editor.curve["arousal"][1][0]) in text:
            break
        editor.page.wait_for_timeout(250)
    valence, arousal = re.split(r"arousal=", text)
    point = re.compile(r"Point\(seconds=([^,]+), value=([^,]+), mode='(\w+)'\)")
    lanes = [
        tuple(Point(float(s), float(v), mode) for s, v, mode in point.findall(part))
        for part in (valence, arousal)
    ]
    sampled = EmotionCurve(*lanes)
    for index, lane in enumerate(("valence", "arousal")):
        seconds, values = drawn[lane]
        assert float((values - sampled.sample(seconds)[index]).abs().max()) < 0.02


def drawn_curve(editor: Editor, lane: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Times and values of the points through which a lane's curve is drawn."""
    svg = editor.root.query_selector(".kf-lanes")
    scale = svg.bounding_box()["width"] / float(svg.get_attribute("width"))
    origin = svg.bounding_box()
    left, top = editor.place(lane, 0, 1)
    right, bottom = editor.place(lane, SECONDS, -1)
    d = editor.root.query_selector(f".kf-curve.kf-{lane}").get_attribute("d")
    drawn = torch.tensor([list(map(float, pair.split())) for pair in d[1:].split("L")], dtype=torch.float64)
    x, y = origin["x"] + scale * drawn[:, 0], origin["y"] + scale * drawn[:, 1]
    return ((x - left) / (right - left) * SECONDS).clamp(min=0), 1 - 2 * (y - top) / (bottom - top)


def test_the_sound_comes_from_the_node_after_a_run(editor):
    peaks = base64.b64encode(
        bytes([156, 100] * 50 + [0, 0] * 50)
    ).decode()  # two loud seconds, two silent ones
    editor.evaluate("node.onExecuted({ keyface_sound: [{ seconds: 4, peaks: values[0] }] })", peaks)
    editor.page.wait_for_timeout(2 * SETTLED_MS)
    assert editor.root.query_selector(".kf-wave")
    times = [element.text_content() for element in editor.root.query_selector_all(".kf-time")]
    assert float(times[-1]) <= 4
    silent = editor.root.query_selector(".kf-silence").bounding_box()
    panel = editor.root.query_selector_all(".kf-lanes .kf-panel")[0].bounding_box()
    assert silent["x"] == pytest.approx(panel["x"] + panel["width"] / 2, abs=4)
    assert "keyface_sound" not in json.dumps(editor.page.evaluate("() => app.graph.serialize()"))


def test_found_vocalizations_come_from_the_node_that_hears_the_same_sound(editor):
    editor.evaluate(
        """const audio = LiteGraph.createNode('LoadAudio');
        const hears = LiteGraph.createNode('KeyFaceEncodeAudio');
        app.graph.add(audio); app.graph.add(hears); audio.connect(0, node, 0); audio.connect(0, hears, 0);
        hears.onExecuted({ keyface_vocalizations: [{ start: 1, end: 2, label: 'laughter' }] });"""
    )
    editor.page.wait_for_timeout(3 * SETTLED_MS)
    assert editor.root.query_selector(".kf-found-label").text_content() == "laughter"


def test_a_curve_is_copied_from_one_node_to_another(editor):
    load(editor.page, graph_of((0, 0), (700, 0)))
    show(editor.page, 1, 0.9, (100, 120))
    second = Editor(editor.page, 2)
    editor.click("valence", 3.0, 0.25)
    press = "const [text] = values; [...node.widgets.find(w => w.name === 'keyface_editor').element"
    press += ".querySelectorAll('button')].find(b => b.textContent === text).click()"
    editor.evaluate(press, "Copy")
    second.page.wait_for_timeout(SETTLED_MS)
    second.evaluate("node.widgets.find(w => w.name === 'keyface_editor').element.focus()")
    second.evaluate(press, "Mirror")
    second.page.wait_for_timeout(SETTLED_MS)
    assert second.curve["valence"][1][1] == -0.5
    second.evaluate(press, "Paste")
    second.page.wait_for_timeout(SETTLED_MS)
    assert second.curve == editor.curve
    second.evaluate(press, "Reset")
    second.page.wait_for_timeout(SETTLED_MS)
    assert second.curve["arousal"] == [[0, 0, "smooth"]]
