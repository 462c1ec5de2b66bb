"""The house keeps its floors: what each folder may import, read off the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = "keyface_lib"
FOUNDATIONS = {"errors", "files", "locks", "messages", "strict_json"}
MAY_IMPORT = {
    "method": {"errors", "messages"},
    "weights": FOUNDATIONS | {"method"},
    "networks": FOUNDATIONS | {"method", "weights"},
    "audio": FOUNDATIONS | {"method", "weights"},
    "media": FOUNDATIONS | {"method", "audio"},
    "portrait": {"errors", "files", "messages", "method"},
    "affect": FOUNDATIONS | {"method", "media", "portrait"},
    "data": FOUNDATIONS | {"method"},
    "work": FOUNDATIONS | {"method", "weights"},
    "clip": FOUNDATIONS | {"method", "weights", "networks", "audio", "media", "portrait", "work"},
    "nodes": FOUNDATIONS | {"method", "weights", "audio", "media", "portrait", "affect", "data", "small"},
}
"""The parts of the library that a folder may import beside its own."""
OUTSIDE = {"method": {"torch", "einops", "numpy"}, "weights": {"torch", "safetensors"}}
"""The packages beside the standard library that a folder may import, where that is bounded."""


def _imports(folder: Path):
    """(file, dotted name) of everything that the files of a folder import, wherever in the file."""
    for path in sorted(folder.rglob("*.py")):
        package = path.relative_to(ROOT).parts[:-1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else ()
                module = ".".join((*base, *filter(None, [node.module])))
                yield from ((path, f"{module}.{alias.name}") for alias in node.names)


def _part(name: str) -> str | None:
    """The part of the library that a dotted name lies in."""
    names = name.split(".")
    return names[1] if names[0] == LIBRARY and len(names) > 1 else None


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_lies_below_it(folder):
    place = ROOT / folder if folder == "nodes" else ROOT / LIBRARY / folder
    found = {(path.name, _part(name)) for path, name in _imports(place)}
    wrong = {(file, part) for file, part in found if part not in {None, folder} | MAY_IMPORT[folder]}
    assert not wrong


@pytest.mark.parametrize("folder", OUTSIDE)
def test_what_keyface_is_needs_no_framework(folder):
    import sys

    allowed = OUTSIDE[folder] | sys.stdlib_module_names | {LIBRARY}
    wrong = {
        (path.name, name)
        for path, name in _imports(ROOT / LIBRARY / folder)
        if name.split(".")[0] not in allowed
    }
    assert not wrong


def test_nothing_imports_the_command_line():
    wrong = {
        path.name
        for path, name in _imports(ROOT / LIBRARY)
        if _part(name) == "cli" and path.parent.name != "cli" and path.name != "__main__.py"
    }
    assert not wrong
