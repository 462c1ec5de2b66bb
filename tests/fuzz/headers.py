"""Anything where a weight file, or a model folder's config.json, says what is in it."""

import json
import tempfile
from pathlib import Path

from hostile_weights import BEATS, FACTORS, KEYFRAME, VAE
from hypothesis import strategies as st
from recorded_weights import tiny

from keyface_lib.clip.models import find_files
from keyface_lib.weights.metadata import Metadata, metadata_from_json, require_confirmed

from .curves import ANYTHING
from .mutations import mutated
from .running import Fuzzer, main

WHOLE = {
    "keyframe": KEYFRAME,
    "vae": VAE
    | {"preview": {"factors": FACTORS, "bias": [0.0] * 3}, "knows": {"pictures": "a", "at_least_db": 20}},
    "beats": BEATS | {"labels": ["a"] * 527},
}
TENSORS = {"keyframe": tiny("tiny_keyframe"), "vae": tiny("tiny_vae"), "beats": tiny("beats_tiny")}
NUMBER = st.sampled_from([0, 1, -1, 2, 7, 32, 33, 64, 4096, 10**7, 2**31, 2**63, 10**400, 0.5, 1e300, True])


@st.composite
def entry(draw: st.DrawFn) -> tuple[str, str]:
    """(whose tensors, text of a header) in which some values, however deep, are others."""
    name = draw(st.sampled_from(sorted(WHOLE)))
    entries = json.loads(json.dumps(WHOLE[name]))
    for _ in range(draw(st.integers(0, 4))):
        _replace(draw, entries)
    text = json.dumps(entries)
    if draw(st.booleans()):
        return name, text
    return name, draw(mutated([text.encode()])).decode(errors="replace")


def _replace(draw: st.DrawFn, entries: dict) -> None:
    """Another value, or none, at one place of nested objects and lists."""
    inside: dict | list = entries
    while True:
        places = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        if not places:
            return
        place = draw(st.sampled_from(places))
        deeper = inside[place]
        if isinstance(deeper, dict | list) and deeper and draw(st.integers(0, 3)):
            inside = deeper
            continue
        if draw(st.integers(0, 4)):
            inside[place] = draw(st.one_of(NUMBER, ANYTHING, st.just([deeper] * 3)))
        else:
            del inside[place]
        return


def header(given: tuple[str, str]) -> None:
    """Reads a header against the tensors it speaks of; what is let in comes back as it is."""
    name, text = given
    metadata = metadata_from_json(text, "a.safetensors")
    assert isinstance(metadata, Metadata)
    assert metadata_from_json(metadata.to_json(), "a.safetensors") == metadata
    require_confirmed(metadata, TENSORS[name], "a.safetensors")


ROLES = st.sampled_from(["keyframe", "interpolation", "vae", "wavlm", "else"])
NAMES = st.one_of(
    st.sampled_from(
        ["keyframe.safetensors", "sub/a.safetensors", "../a", "/etc/passwd", "", ".", "a\0", "..\\x"]
    ),
    st.text(max_size=8),
    ANYTHING,
)
MANIFEST = st.one_of(
    st.fixed_dictionaries({"files": st.one_of(st.dictionaries(ROLES, NAMES, max_size=4), ANYTHING)}).map(
        json.dumps
    ),
    ANYTHING.map(json.dumps),
    st.text(max_size=40),
)


def manifest(text: str) -> None:
    """Looks for the files of a model folder with this config.json; what is found lies inside it."""
    place = Path(FOLDER.name)
    (place / "config.json").write_bytes(text.encode(errors="surrogatepass"))
    for path in find_files(place).values():
        assert path.resolve().is_relative_to(place.resolve())


FOLDER = tempfile.TemporaryDirectory(prefix="keyface-fuzz-")
(Path(FOLDER.name) / "sub").mkdir()
for _name in ("keyframe", "interpolation", "sub/a"):
    (Path(FOLDER.name) / f"{_name}.safetensors").touch()
FUZZERS = {"headers": Fuzzer(entry(), header), "manifests": Fuzzer(MANIFEST, manifest)}
if __name__ == "__main__":
    main(FUZZERS, __doc__)
