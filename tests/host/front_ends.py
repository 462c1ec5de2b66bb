"""The real front ends: the one ComfyUI pins, and a current one in both of its renderers."""

import shutil
from importlib.util import find_spec
from pathlib import Path

VUE = "Comfy.VueNodes.Enabled"
PINNED, CURRENT, CURRENT_VUE = FRONT_ENDS = ("pinned", "current canvas", "current Vue")
SCREEN = {"width": 1500, "height": 950}
PATIENCE_MS = 20_000
"""How long anything on a page may take that is waited for."""
_READY = """window.app && app.graph && app.canvas
  && app.extensionManager?.workflow?.activeWorkflow?.changeTracker
  && app.extensions.some((e) => e.name === "KeyFace.EmotionCurve")
  && "KeyFaceEmotionCurve" in LiteGraph.registered_node_types"""
_SAME_FRAMES = 4
_STILL = """async ([given, patience, frames]) => {
  const look = %s;
  const end = performance.now() + patience;
  let before = "null", same = 0;
  while (same < frames) {
    const now = JSON.stringify(look(given) ?? null);
    same = now === before && now !== "null" ? same + 1 : 0;
    before = now;
    if (performance.now() > end) throw new Error(`never still: ${now}`);
    await new Promise(requestAnimationFrame);
  }
}"""


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


def current_front_end() -> Path | None:
    """The files of the front end installed beside the tests."""
    spec = find_spec("comfyui_frontend_package")
    return Path(spec.submodule_search_locations[0]) / "static" if spec else None


def _is_ours(message) -> bool:
    """An error that names the pack, other than the front end's own question for a missing file's size."""
    text = message.text.lower()
    return message.type == "error" and "keyface" in text and "huggingface.co" not in text


def open_page(playwright, host, vue: bool = False, locale: str = "en"):
    """A page of a front end that is done starting; errors from then on are collected in `page.errors`."""
    quiet = {"Comfy.TutorialCompleted": True, "Comfy.Minimap.Visible": False}
    host.post("/settings", {VUE: vue, "Comfy.Locale": locale, **quiet})
    page = playwright.chromium.launch(executable_path=chromium()).new_page(viewport=SCREEN)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(f"{error.message} {error.stack or ''}"[:500]))
    page.on("console", lambda message: _is_ours(message) and page.errors.append(message.text))
    page.goto(f"http://127.0.0.1:{host.port}")
    wait_until_ready(page)
    return page


def wait_until_ready(page) -> None:
    page.wait_for_function(_READY, timeout=60_000)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)  # late errors
    page.errors.clear()  # of the front end's own start


def until_still(page, look: str, given=None, patience_ms: int = PATIENCE_MS) -> None:
    """Waits until what the JavaScript function `look` returns is something and the same for some frames."""
    page.evaluate(_STILL % look, [given, patience_ms, _SAME_FRAMES])
