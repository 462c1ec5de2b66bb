"""Frames a second while a point is dragged in the emotion curve editor, with an hour of audio.

python benchmarks/editor.py     needs a ComfyUI (COMFYUI_PATH or ~/comfy/ComfyUI), playwright and chromium
"""

import json
import math
import sys
import tempfile
import wave
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from host.front_ends import open_page  # noqa: E402
from host.server import Host, comfyui_path  # noqa: E402

SECONDS, RATE, POINTS, MOVES = 3600, 8000, 200, 120
RESULT = ROOT / "benchmarks" / "results" / "editor.json"
_MEASURE = """async (moves) => {
  const lanes = document.querySelector('.kf-lanes')
  const handle = document.querySelectorAll('.kf-point')[101].getBoundingClientRect()
  const [x, y] = [handle.x + handle.width / 2, handle.y + handle.height / 2]
  const send = (type, dx, dy) => lanes.dispatchEvent(new PointerEvent(type,
    { pointerId: 1, button: 0, bubbles: true, clientX: x + dx, clientY: y + dy }))
  lanes.setPointerCapture = () => {}
  send('pointerdown', 0, 0)
  const times = []
  for (let i = 1; i <= moves; i++) {
    const start = performance.now()
    send('pointermove', 20 * Math.sin(i / 10), 10 * Math.cos(i / 7))
    lanes.getBoundingClientRect() // lays out
    const work = performance.now() - start
    await new Promise(requestAnimationFrame)
    times.push([work, performance.now() - start])
  }
  send('pointerup', 0, 0)
  return times
}"""


def write_hour(path: Path) -> None:
    """An hour of a tone whose loudness wanders."""
    second = bytes(128 + round(90 * math.sin(0.3 * i)) for i in range(RATE))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(RATE)
        for _ in range(SECONDS):
            file.writeframes(second)


def workflow() -> dict:
    step = SECONDS / POINTS * 2
    rows = [[round(i * step, 3), round(0.8 * math.sin(i), 3), "smooth"] for i in range(POINTS // 2)]
    curve = json.dumps({"v": 1, "valence": rows, "arousal": rows})
    audio = {"id": 1, "type": "LoadAudio", "pos": [0, 0], "size": [300, 140], "widgets_values": ["hour.wav"]}
    audio["outputs"] = [{"name": "AUDIO", "type": "AUDIO", "links": [1]}]
    node = {"id": 2, "type": "KeyFaceEmotionCurve", "pos": [360, 0], "size": [900, 480]}
    node |= {"inputs": [{"name": "audio", "type": "AUDIO", "link": 1}], "widgets_values": [curve]}
    return {
        "last_node_id": 2,
        "last_link_id": 1,
        "nodes": [audio, node],
        "links": [[1, 1, 0, 2, 0, "AUDIO"]],
        "version": 0.4,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        host = Host(comfyui_path(), Path(folder))
        write_hour(host.folder / "input" / "hour.wav")
        host.start()
        try:
            page = open_page(playwright, host)
            page.evaluate("graph => app.loadGraphData(graph)", workflow())
            page.wait_for_function("document.querySelectorAll('.kf-wave').length > 0", timeout=120_000)
            page.wait_for_timeout(1000)
            times = page.evaluate(_MEASURE, MOVES)
        finally:
            host.stop()
    work = sorted(work for work, _ in times)
    frames = sorted(frame for _, frame in times)
    result = {
        "audio_s": SECONDS,
        "points": POINTS,
        "work_ms_median": round(work[len(work) // 2], 2),
        "work_ms_95": round(work[int(0.95 * len(work))], 2),
        "frames_per_second_median": round(1000 / frames[len(frames) // 2], 1),
        "frames_per_second_5": round(1000 / frames[int(0.95 * len(frames))], 1),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
