"""Which face detector: faces found, missed and made up, where their eyes are, and what each costs."""

import argparse
import importlib.metadata
import json
import math
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, median

from face_candidates import CANDIDATES, Candidate
from face_pictures import Case, cases

from keyface_lib.portrait.faces import Face, FaceDetector, Point

SIZES = (1.0, 8.0)
"""Of a find that is a face: its width, in distances between the face's eyes."""


@dataclass
class Tally:
    """Of one detector in one group of pictures, or in all.

    Attributes:
        offsets: how far the eyes are from where they are, of the way between them.
        leans: by how many degrees their line is turned wrongly.
        seconds: of the processor, for every picture.
    """

    found: int = 0
    missed: int = 0
    false: int = 0
    offsets: list[float] = field(default_factory=list)
    leans: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, case: Case, faces: list[Face], seconds: float) -> None:
        self.seconds.append(seconds)
        left = list(faces)
        for eyes in case.faces:
            face = next((face for face in left if is_the_face(face, eyes)), None)
            if face is None:
                self.missed += 1
                continue
            self.found += 1
            left = [other for other in left if other is not face]
            if face.eyes and case.group != "drawings":
                self._compare(face.eyes, eyes)
        self.false += sum(not any(_inside(face.centre, box) for box in case.ignored) for face in left)

    def _compare(self, seen: tuple[Point, Point], eyes: tuple[Point, Point]) -> None:
        self.offsets.append(mean(map(math.dist, seen, eyes)) / math.dist(*eyes))
        self.leans.append(abs(math.remainder(_lean(seen) - _lean(eyes), 360)))


def is_the_face(face: Face, eyes: tuple[Point, Point]) -> bool:
    """Whether the point between the eyes lies in a find of a fitting size."""
    middle = (eyes[0][0] + eyes[1][0]) / 2, (eyes[0][1] + eyes[1][1]) / 2
    fits = SIZES[0] <= face.width / math.dist(*eyes) <= SIZES[1]
    return fits and _inside(middle, (face.x, face.y, face.width, face.height))


def megabytes(packages: Iterable[str]) -> float:
    """What packages take once they are installed."""
    files = (file for name in packages for file in importlib.metadata.files(name) or ())
    return sum(path.stat().st_size for file in files if (path := Path(file.locate())).is_file()) / 1e6


def _lean(eyes: tuple[Point, Point]) -> float:
    return math.degrees(math.atan2(eyes[1][1] - eyes[0][1], eyes[1][0] - eyes[0][0]))


def _inside(point: Point, box: tuple[float, float, float, float]) -> bool:
    x, y, width, height = box
    return x <= point[0] <= x + width and y <= point[1] <= y + height


def measure(detector: FaceDetector, pictures: list[Case]) -> dict[str, Tally]:
    """A tally for every group, and "all" but the drawings."""
    groups: dict[str, Tally] = defaultdict(Tally)
    for case in pictures:
        start = time.process_time()
        faces = detector(case.picture)
        seconds = time.process_time() - start
        for group in {case.group, "all"} if case.group != "drawings" else {case.group}:
            groups[group].add(case, faces, seconds)
    return dict(groups)


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def summary(candidate: Candidate, groups: dict[str, Tally]) -> list[str]:
    tally = groups["all"]
    photographs = groups["photographs"].seconds
    return [
        candidate.name,
        str(tally.found),
        str(tally.missed),
        str(tally.false),
        f"{100 * median(tally.offsets):.1f} %" if tally.offsets else "no eyes",
        f"{median(tally.leans):.1f}° ({max(tally.leans):.0f}°)" if tally.leans else "no eyes",
        f"{mean(photographs):.2f}",
        f"{megabytes(candidate.packages):.0f}",
        candidate.licence,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder of the archives that benchmarks/README.md lists")
    parser.add_argument("--json", type=Path, help="where the figures are kept")
    options = parser.parse_args()
    pictures = list(cases(options.pictures))
    rows, by_group, kept = [], [], {}
    names = list(dict.fromkeys(case.group for case in pictures))
    for candidate in CANDIDATES:
        groups = measure(candidate.make(), pictures)
        rows.append(summary(candidate, groups))
        by_group.append(
            [candidate.name]
            + [
                f"{groups[name].false} false"
                if name == "no face"
                else f"{groups[name].found}/{groups[name].found + groups[name].missed}"
                for name in names
            ]
        )
        kept[candidate.name] = {
            "packages": {name: importlib.metadata.version(name) for name in candidate.packages},
            "megabytes": round(megabytes(candidate.packages), 1),
            "licence": candidate.licence,
            "groups": {name: asdict(tally) for name, tally in groups.items()},
        }
        print(f"{candidate.name}: {rows[-1][1:]}", flush=True)
    header = ["detector", "found", "missed", "false", "eyes off by", "lean off by", "CPU s", "MB", "licence"]
    print("\n" + table(header, rows))
    print("\n" + table(["detector", *names], by_group))
    if options.json:
        options.json.write_text(json.dumps(rounded(kept), indent=1) + "\n", encoding="utf-8")


def rounded(value):
    """The same with three digits behind the point."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
