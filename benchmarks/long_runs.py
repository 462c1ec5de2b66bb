"""What docs/robustness.md says of long runs: kills, full disks, an hour from end to end.

    python long_runs.py kills [--seconds 60] [--kills 50]
    python long_runs.py full-disk                       as root: it mounts a small tmpfs
    python long_runs.py hour [--minutes 60] [--steps 10]

All with the small model, each in processes of its own; --json FILE keeps the figures.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keyface_lib import small
from keyface_lib.method.timeline import FPS, SAMPLE_RATE

CLICK_EVERY = 10
"""Seconds from one click, and the mark in the frame that it belongs to, to the next."""
MARK = 8
"""Pixels a side of a mark, in the upper left corner."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("kills", "full-disk", "hour", "child"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="keep what is made here")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.part == "child":
        child(options.folder, options.steps)
        return
    with tempfile.TemporaryDirectory(prefix="keyface-long-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        part = {"kills": kills, "full-disk": full_disk, "hour": hour}[options.part]
        figures = part(folder, options)
    print(json.dumps(figures, indent=1))
    if options.json:
        kept = json.loads(options.json.read_text()) if options.json.exists() else {}
        options.json.write_text(json.dumps(kept | {options.part: figures}, indent=1) + "\n")


def kills(folder: Path, options) -> dict:
    """A job killed at random moments and started again until it is done, against one left alone."""
    recording(folder / "sound.wav", options.seconds)
    undisturbed = folder / "undisturbed"
    finish(start(undisturbed, folder, options.steps))
    needed = calls(undisturbed)
    disturbed, chance, lives = folder / "disturbed", random.Random(0), 0
    while True:
        before, process = calls(disturbed), start(disturbed, folder, options.steps)
        while process.poll() is None and calls(disturbed) == before:
            time.sleep(0.02)
        if lives < options.kills:
            # the work of a life is a fiftieth of all on average, whatever the machine's speed
            until = before + chance.random() * 2.2 * needed / options.kills
            while process.poll() is None and calls(disturbed) < until:
                time.sleep(0.002)
            process.kill()
        ended = process.wait()
        if ended == 0:
            break
        lives += 1
    same = [np.array_equal(a, b) for a, b in zip(frames(disturbed), frames(undisturbed), strict=True)]
    made = calls(disturbed)
    return {
        "kills": lives,
        "frames": len(same),
        "frames that differ": len(same) - sum(same),
        "calls needed": needed,
        "calls made": made,
        "calls made twice per kill": round((made - needed) / max(1, lives), 2),
    }


def full_disk(folder: Path, options) -> dict:
    """A job on a disk that is full again and again, and grows each time."""
    recording(folder / "sound.wav", 20)
    undisturbed, disk = folder / "undisturbed", folder / "disk"
    finish(start(undisturbed, folder, options.steps))
    disk.mkdir()
    size, said, chance = 200, [], random.Random(0)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "keyface", str(disk)], check=True)
    try:
        while (process := start(disk / "job", folder, options.steps)).wait() != 0:
            said.append(process.stderr.read().decode().strip().splitlines()[-1])
            size += chance.randrange(20, 90)
            subprocess.run(["mount", "-o", f"remount,size={size}k", str(disk)], check=True)
        same = [np.array_equal(*pair) for pair in zip(frames(disk / "job"), frames(undisturbed), strict=True)]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    return {
        "times full": len(said),
        "said": sorted({line.split("(")[-1].split(")")[0] for line in said}),
        "lines that say what to do": sum("room" in line or "free space" in line for line in said),
        "frames that differ": len(same) - sum(same),
    }


def hour(folder: Path, options) -> dict:
    """A long clip, once, from end to end."""
    recording(folder / "sound.wav", options.minutes * 60)
    job = folder / "job"
    finish(start(job, folder, options.steps))
    lines = []
    for line in (job / "progress.jsonl").read_text().splitlines():
        lines.append(json.loads(line))
    n_frames = round(options.minutes * 60 * FPS)
    parts = np.array_split(lines[1:], 10)  # the first piece pays for warming up
    rates = [
        (p[-1]["at"] - p[0]["at"]) / max(1, p[-1]["frames"] - p[0]["frames"]) for p in parts if len(p) > 1
    ]
    off = marks_against_clicks(job / "clip.mp4")
    return {
        "minutes": options.minutes,
        "frames": sum(1 for _ in frames(job)),
        "frames expected": n_frames,
        "peak memory, MB": round(max(line["peak"] for line in lines) / 1e6),
        "memory after the first and the last tenth, MB": [
            round(lines[place]["resident"] / 1e6) for place in (len(lines) // 10, -1)
        ],
        "seconds a frame, by tenths": [round(rate, 4) for rate in rates],
        "work folder, MB": round(
            sum(p.stat().st_size for p in (job / "work").rglob("*") if p.is_file()) / 1e6
        ),
        "clicks": len(off),
        "frames between the last click and its mark": off[-1] if off else None,
        "most frames between a click and its mark": max(off, default=None),
    }


def start(job: Path, folder: Path, steps: int) -> subprocess.Popen:
    """A process that makes the clip of `folder/sound.wav` in `job`."""
    job.mkdir(parents=True, exist_ok=True)
    link = job / "sound.wav"
    if not link.exists():
        link.symlink_to(folder / "sound.wav")
    command = [sys.executable, __file__, "child", "--folder", str(job), "--steps", str(steps)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen) -> None:
    """Waits; exits with what the process said where it failed."""
    _, said = process.communicate()
    if process.returncode:
        sys.exit(said.decode())


def child(job: Path, steps: int) -> None:
    """Makes the clip, writing down every network call, and after every piece the time and memory."""
    from dataclasses import fields

    import torch

    from keyface_lib import KeyFace
    from keyface_lib.clip.asked import ask
    from keyface_lib.clip.clip import Clip
    from keyface_lib.clip.cost import peak_memory
    from keyface_lib.errors import KeyFaceError
    from keyface_lib.work.folder import WorkFolder

    class Marked(Clip):
        """With a mark in every frame that a click is heard in."""

        def frames(self, segments: range):
            first = self.animation.timeline.frames_of_segments(segments).start
            for part in super().frames(segments):
                for number in range(first, first + len(part)):
                    part[number - first, :MARK, :MARK] = 255 * (number % (CLICK_EVERY * FPS) == 0)
                first += len(part)
                yield part

    torch.set_num_threads(1)
    log = os.open(job / "calls", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    counted = [0]

    def call(done: int, _total: int) -> None:
        os.write(log, b"." * (done - counted[0]))
        counted[0] = done

    def piece(done: int, _total: int) -> None:
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        line = {"frames": done, "at": time.monotonic(), "peak": peak_memory(), "resident": resident}
        with (job / "progress.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    try:
        with WorkFolder(job / "work") as work:
            clip = KeyFace.from_pretrained(device="cpu").animate(
                small.PORTRAIT,
                job / "sound.wav",
                small.EMOTION,
                steps=steps,
                batch=4,
                work=work,
                progress=call,
            )
            clip = Marked(**{f.name: getattr(clip, f.name) for f in fields(Clip)})
            ask(clip, lossless=False)
            clip.save(job / "clip.mp4", progress=piece)
    except KeyFaceError as error:
        sys.exit(str(error))


def recording(path: Path, seconds: float) -> None:
    """The small model's speech, over and over, with clicks."""
    from keyface_lib.audio.reading import load_audio

    speech = load_audio(small.SPEECH).numpy()
    sound = np.resize(speech, round(seconds * SAMPLE_RATE))
    for click in range(0, len(sound), CLICK_EVERY * SAMPLE_RATE):
        sound[click : click + 640] = 0
        sound[click : click + 16] = 1
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((sound * 32767).astype(np.int16).tobytes())


def calls(job: Path) -> int:
    """Network calls that were made for a job in all its lives."""
    return (job / "calls").stat().st_size if (job / "calls").exists() else 0


def frames(job: Path):
    """The decoded frames of a job's video."""
    with av.open(str(job / "clip.mp4")) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray()


def marks_against_clicks(path: Path) -> list[float]:
    """By how many frames each click is off the frame that is marked for it."""
    with av.open(str(path)) as container:
        marks = [
            float(frame.pts * frame.time_base)
            for frame in container.decode(video=0)
            if frame.to_ndarray()[: MARK // 2, : MARK // 2].mean() > 160
        ]
    found, last = [], -1.0
    with av.open(str(path)) as container:
        for block in container.decode(audio=0):
            samples = block.to_ndarray()[0]
            for place in np.flatnonzero(np.abs(samples) > 0.75):
                at = float(block.pts * block.time_base) + place / block.sample_rate
                if at - last > CLICK_EVERY / 2:
                    found.append(at)
                    last = at
    return [round(min(abs(mark - click) for mark in marks) * FPS, 2) for click in found]


if __name__ == "__main__":
    main()
