"""Takes pictures of every bundled workflow from the real front end, to be looked at.

    python scripts/picture_workflows.py http://127.0.0.1:8188 FOLDER [--nodes-2] [--run]

Needs playwright and chromium. `--run` queues each workflow first, so that nodes show what they show then.
With FOLDER "docs" it writes the README's picture, docs/images/two_stage.png, instead.
"""

import json
import shutil
import sys
import urllib.request
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "workflows"
SCREEN = {"width": 3600, "height": 2000}
"""Large enough for the canvas to draw its texts when a whole workflow is in view."""
README_WORKFLOW, README_PICTURE = "Edit the keyframes", ROOT / "docs" / "images" / "two_stage.png"
README_WIDTH = 1600
_SETTLED_MS = 1500
_QUIET = ("Comfy.Minimap.Visible", "Comfy.Graph.CanvasInfo", "Comfy.Graph.CanvasMenu")
_FIT = """() => {
  const BAR = 90;  // of the menus at its edges
  const nodes = app.graph._nodes, canvas = app.canvas;
  const boxes = nodes.map(n => [n.pos[0], n.pos[1] - 30, n.pos[0] + n.size[0], n.pos[1] + n.size[1]])
    .concat(app.graph._groups.map(({ pos, size }) => [...pos, pos[0] + size[0], pos[1] + size[1]]))
    .concat([...app.graph.reroutes.values()].map(({ pos }) => [...pos, ...pos]));
  const left = Math.min(...boxes.map(b => b[0])) - 60, top = Math.min(...boxes.map(b => b[1])) - 30;
  const right = Math.max(...boxes.map(b => b[2])) + 30, bottom = Math.max(...boxes.map(b => b[3])) + 30;
  const view = canvas.canvas.getBoundingClientRect();
  const scale = Math.min((view.width - 2 * BAR) / (right - left), (view.height - 2 * BAR) / (bottom - top));
  canvas.ds.scale = scale;
  const middle = [(left + right) / 2, (top + bottom) / 2];
  canvas.ds.offset = [view.width / scale / 2 - middle[0], view.height / scale / 2 - middle[1]];
  canvas.setDirty(true, true);
  return [view.x, view.y, (right - left) * scale, (bottom - top) * scale, view.width, view.height];
}"""
_QUEUE = (
    "async () => { const q = await (await fetch('/queue')).json(); return Object.values(q).flat().length }"
)


def open_page(playwright, url: str, nodes_2: bool = False) -> Page:
    """The front end on a canvas without menus in the way."""
    settings = {"Comfy.VueNodes.Enabled": nodes_2, "Comfy.TutorialCompleted": True}
    settings |= {"Comfy.Workflow.Persist": False, **dict.fromkeys(_QUIET, False)}
    request = urllib.request.Request(
        f"{url}/settings", json.dumps(settings).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request).close()
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
    page = browser.new_page(viewport=SCREEN)
    page.goto(url)
    page.wait_for_function("window.app && app.graph && app.canvas", timeout=60_000)
    page.wait_for_timeout(_SETTLED_MS)
    return page


def picture(page: Page, name: str, run: bool = False) -> Image.Image:
    """The whole graph of a workflow, as the canvas shows it."""
    workflow = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    page.evaluate("workflow => app.loadGraphData(workflow)", workflow)
    page.wait_for_timeout(_SETTLED_MS)
    if run:
        page.evaluate("() => app.queuePrompt(0)")
        page.wait_for_timeout(_SETTLED_MS)
        while page.evaluate(_QUEUE):
            page.wait_for_timeout(_SETTLED_MS)
    page.keyboard.press("Escape")
    page.evaluate("() => document.querySelectorAll('.p-dialog-mask, .p-toast').forEach(e => e.remove())")
    x, y, width, height, whole_width, whole_height = page.evaluate(_FIT)
    page.wait_for_timeout(_SETTLED_MS)
    left, top = x + (whole_width - width) / 2, y + (whole_height - height) / 2
    shot = page.screenshot(clip={"x": left, "y": top, "width": width, "height": height})
    return Image.open(BytesIO(shot)).convert("RGB")


def main() -> None:
    url, folder = sys.argv[1:3]
    with sync_playwright() as playwright:
        page = open_page(playwright, url, "--nodes-2" in sys.argv)
        if folder == "docs":
            image = picture(page, README_WORKFLOW, run=True)
            size = (README_WIDTH, README_WIDTH * image.height // image.width)
            image.resize(size, Image.LANCZOS).save(README_PICTURE, optimize=True)
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        for path in sorted(FOLDER.glob("*.json")):
            picture(page, path.stem, "--run" in sys.argv).save(Path(folder) / f"{path.stem}.png")


if __name__ == "__main__":
    main()
