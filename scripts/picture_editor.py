"""Takes the pictures of the emotion curve editor from the real front end: dark, light, large.

python scripts/picture_editor.py http://127.0.0.1:8188     needs playwright and chromium
"""

import json
import sys
from pathlib import Path

from picture_workflows import FOLDER, ROOT, open_page
from playwright.sync_api import Page, sync_playwright

IMAGES = ROOT / "web" / "dist" / "docs" / "images"
_SHOW = """() => {
  const node = app.graph._nodes.find(n => n.type === 'KeyFaceEmotionCurve'), { ds } = app.canvas;
  node.setSize([760, 460]); node.pos = [0, -3000];
  ds.scale = 1; ds.offset = [200 - node.pos[0], 140 - node.pos[1]];
  app.canvas.setDirty(true, true);
}"""
_RECT = """() => {
  const node = app.graph._nodes.find(n => n.type === 'KeyFaceEmotionCurve'), { ds } = app.canvas;
  const view = app.canvas.canvas.getBoundingClientRect();
  return { x: view.x + (node.pos[0] + ds.offset[0]) - 8, y: view.y + (node.pos[1] + ds.offset[1]) - 40,
           width: node.size[0] + 16, height: node.size[1] + 50 };
}"""
_MARKS = """() => {
  const listener = app.graph._nodes.find(n => n.type === 'KeyFaceEncodeAudio');
  listener.onExecuted({ keyface_vocalizations: [{ start: 2.55, end: 3.05, label: 'sigh' }] });
}"""


def shoot(page: Page, path: Path) -> None:
    page.wait_for_timeout(1200)
    page.screenshot(path=path, clip=page.evaluate(_RECT))


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        page = open_page(playwright, sys.argv[1])
        workflow = json.loads((FOLDER / "A change of feeling.json").read_text())
        page.evaluate("workflow => app.loadGraphData(workflow)", workflow)
        page.wait_for_timeout(2500)
        page.keyboard.press("Escape")
        page.evaluate(_SHOW)
        page.evaluate(_MARKS)
        for palette, name in (("dark", "editor-dark.png"), ("light", "editor-light.png")):
            page.evaluate("id => app.extensionManager.setting.set('Comfy.ColorPalette', id)", palette)
            shoot(page, IMAGES / name)
        page.evaluate("() => app.extensionManager.setting.set('Comfy.ColorPalette', 'dark')")
        page.locator('.kf-editor button[title="Opens a large view"]').click()
        page.wait_for_timeout(1500)
        page.locator("dialog.kf-dialog").screenshot(path=IMAGES / "editor-large.png")


if __name__ == "__main__":
    main()
