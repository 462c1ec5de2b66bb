"""Takes the pictures of the bundled workflows from the real front end.

    python scripts/picture_workflows.py http://127.0.0.1:8188     needs playwright and chromium

Writes workflows/<name>.jpg, the thumbnails of ComfyUI's template browser, and docs/images/two_stage.png.
"""

import json
import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "workflows"
SCREEN = {"width": 2400, "height": 1350}
"""Large enough for the canvas to draw its texts when a whole workflow is in view."""
THUMBNAIL = (800, 450)
README_PICTURE, README_WIDTH = ("two_stage", ROOT / "docs" / "images" / "two_stage.png"), 1600
_SETTLED_MS = 1500
_FIT = """() => {
  const nodes = app.graph._nodes, canvas = app.canvas;
  const left = Math.min(...nodes.map(n => n.pos[0])) - 40, top = Math.min(...nodes.map(n => n.pos[1])) - 70;
  const right = Math.max(...nodes.map(n => n.pos[0] + n.size[0])) + 40;
  const bottom = Math.max(...nodes.map(n => n.pos[1] + n.size[1])) + 40;
  const view = canvas.canvas.getBoundingClientRect();
  const scale = Math.min(view.width / (right - left), view.height / (bottom - top));
  canvas.ds.scale = scale;
  const middle = [(left + right) / 2, (top + bottom) / 2];
  canvas.ds.offset = [view.width / scale / 2 - middle[0], view.height / scale / 2 - middle[1]];
  canvas.setDirty(true, true);
}"""


def open_page(playwright, url: str) -> Page:
    """The front end on a canvas without menus in the way."""
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
    page = browser.new_page(viewport=SCREEN)
    page.goto(url)
    page.wait_for_function("window.app && app.graph && app.canvas", timeout=60_000)
    for setting in ("Comfy.Minimap.Visible", "Comfy.Graph.CanvasInfo", "Comfy.Graph.CanvasMenu"):
        page.evaluate("name => app.extensionManager.setting.set(name, false)", setting)
    page.wait_for_timeout(_SETTLED_MS)
    return page


def picture(page: Page, name: str) -> Image.Image:
    """The whole graph of a workflow, as the canvas shows it."""
    workflow = json.loads((FOLDER / f"{name}.json").read_text())
    page.evaluate("workflow => app.loadGraphData(workflow)", workflow)
    page.wait_for_timeout(_SETTLED_MS)
    page.keyboard.press("Escape")
    page.evaluate("() => document.querySelectorAll('.p-dialog-mask, .p-toast').forEach(e => e.remove())")
    page.evaluate(_FIT)
    page.wait_for_timeout(_SETTLED_MS)
    shot = page.locator("#graph-canvas").screenshot()
    return Image.open(BytesIO(shot)).convert("RGB")


def main() -> None:
    with sync_playwright() as playwright:
        page = open_page(playwright, sys.argv[1])
        for path in sorted(FOLDER.glob("*.json")):
            image = picture(page, path.stem)
            if path.stem == README_PICTURE[0]:
                README_PICTURE[1].parent.mkdir(exist_ok=True)
                size = (README_WIDTH, README_WIDTH * image.height // image.width)
                image.resize(size, Image.LANCZOS).save(README_PICTURE[1], optimize=True)
            image.resize(THUMBNAIL, Image.LANCZOS).save(path.with_suffix(".jpg"), quality=85)


if __name__ == "__main__":
    main()
