"""A work folder: whose it is, what was asked of it last, and the store of what is done."""

import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import KeyFaceError
from ..files import open_file, whole_file
from ..locks import lock, unlock
from ..messages import one_line
from ..method.redo import Redo
from ..strict_json import json_from
from ..weights.schema import Rule, check, listed, number, table, text, whole
from .store import Progress, Store

MANIFEST = "keyface-work.json"
LOCK = ".lock"
KINDS = ("features", "windows", "segments", "pieces")
MANIFEST_BYTES = 1 << 26
"""Forty bytes for every window, segment and piece: enough for weeks of video."""
VERSION = 1
_KEY = re.compile("[0-9a-f]{40}")
_FORM: dict[str, Rule] = {
    "version": whole(VERSION, VERSION),
    "settings": table,
    "batch": whole(0, 4096),
    "redos": listed(table, 0, 10_000),
    "wanted": table,
}
_REDO: dict[str, Rule] = {"start": number(0, 1e9), "end": number(0, 1e9), "seed": whole(-(2**63), 2**64 - 1)}
_SETTING = text(200)
_WANTED = listed(text(40, 40), 0, 10_000_000)


@dataclass
class Manifest:
    """What was asked of a work folder last.

    Attributes:
        settings: all that the result depends on, each in words or as a key.
        batch: sequences per network call; 0 where that is not known yet.
        redos: passages to make with another seed, in the order they were asked for.
        wanted: the keys of all results that it takes, by kind.
    """

    settings: dict[str, str] = field(default_factory=dict)
    batch: int = 0
    redos: list[Redo] = field(default_factory=list)
    wanted: dict[str, list[str]] = field(default_factory=dict)


class WorkFolder:
    """A work folder in use by this process alone, until `close`.

    Attributes:
        path: the folder.
        manifest: what was asked last.
        store: what is done.
        damaged: files that were not what they should be. They are gone, and made again when they are needed.
    """

    def __init__(self, path: str | os.PathLike, progress: Progress | None = None):
        """Opens a folder, or makes it; what is there is checked against its checksums.

        Args:
            progress: called with (bytes checked, bytes in all).

        Raises:
            KeyFaceError: it is no work folder, cannot be written to, or another process uses it.
        """
        self.path = Path(path)
        require_new_or_own(self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not (self.path / MANIFEST).exists():
                (self.path / MANIFEST).touch()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise KeyFaceError(
                f"{one_line(path)}: cannot be a work folder ({reason}); choose another place with --work"
            ) from error
        self._lock = lock(self.path / LOCK, self._taken)
        try:
            self.manifest, whole = read_manifest(self.path)
            self.store = Store(self.path, KINDS)
            self.damaged = ([] if whole else [self.path / MANIFEST]) + self.store.look(progress)
        except BaseException:
            self.close()
            raise

    def _taken(self, holder: str) -> KeyFaceError:
        return KeyFaceError(
            f"{one_line(self.path)}: is in use by another run (process {holder}); wait for it, or give this "
            "run a folder of its own"
        )

    def changes(self, asked: Manifest) -> list[str]:
        """How what is asked now differs from the last time, each difference in words; none where there was no
        last time."""
        before, now, redos = self.manifest.settings, asked.settings, self.manifest.redos
        if not before:
            return []
        names = [*now, *(name for name in before if name not in now)]
        changed = [_change(n, before.get(n), now.get(n)) for n in names if before.get(n) != now.get(n)]
        changed += [f"redone: {redo}" for redo in asked.redos if redo not in redos]
        return changed + [f"no longer redone: {redo}" for redo in redos if redo not in asked.redos]

    def write(self, asked: Manifest) -> None:
        """Keeps what is asked now.

        Raises:
            KeyFaceError: it cannot be written.
        """
        self.manifest = asked
        manifest = {"version": VERSION, **asdict(asked)}
        with whole_file(self.path / MANIFEST, "make room, or choose another place with --work") as part:
            part.write_text(json.dumps(manifest) + "\n", encoding="utf-8")

    def close(self) -> None:
        """Lets others use the folder."""
        held, self._lock = self._lock, None
        unlock(held)

    def __enter__(self) -> "WorkFolder":
        return self

    def __exit__(self, *_exception) -> None:
        self.close()

    def unwanted(self) -> list[Path]:
        """Results that the last run did not ask for: former takes, and those of other settings."""
        return self.store.unused({key for keys in self.manifest.wanted.values() for key in keys})

    def clean(self) -> None:
        """Removes the folder's own files, and the folder where nothing else is in it."""
        for kind in KINDS:
            shutil.rmtree(self.path / kind, ignore_errors=True)
        (self.path / MANIFEST).unlink(missing_ok=True)
        self.close()
        with suppress(OSError):
            self.path.rmdir()


def describe(work: WorkFolder) -> str:
    """What a work folder holds, and what the last run still lacks."""
    rows = [(name, value) for name, value in work.manifest.settings.items() if not _KEY.fullmatch(value)]
    rows += [("redone", str(redo)) for redo in work.manifest.redos]
    rows += [
        ("damaged", f"{path.relative_to(work.path)}, made again by the next run") for path in work.damaged
    ]
    for kind in KINDS:
        wanted = work.manifest.wanted.get(kind, [])
        there = sum(key in work.store for key in wanted)
        files, size = work.store.size(kind)
        rows.append((kind, f"{there:,} of {len(wanted):,}, {size / 1e6:,.1f} MB in {_counted(files)}"))
    unwanted = work.unwanted()
    if unwanted:
        size = sum(path.stat().st_size for path in unwanted)
        rows.append(("not needed", f"{size / 1e6:,.1f} MB in {_counted(len(unwanted))}; --tidy removes them"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _counted(files: int) -> str:
    return f"{files:,} file{'s' * (files != 1)}"


def opened(work: WorkFolder | str | os.PathLike | None) -> WorkFolder | None:
    """A work folder that is in use already, or a path that becomes one; raises as `WorkFolder`."""
    return work if work is None or isinstance(work, WorkFolder) else WorkFolder(work)


def read_manifest(folder: Path) -> tuple[Manifest, bool]:
    """What was asked of a folder last, and whether its manifest says so; one that is empty is new.

    Raises:
        KeyFaceError: it may not be read, or its disk fails.
    """
    with open_file(folder / MANIFEST, "manifest") as file:
        content = file.read(MANIFEST_BYTES + 1)
    if not content:
        return Manifest(), True
    try:
        entries = json_from(content, MANIFEST, MANIFEST_BYTES)
        check(entries, _FORM, MANIFEST, "it is made again")
        for redo in entries["redos"]:
            check(redo, _REDO, MANIFEST, "it is made again")
        settings = {str(name): value for name, value in entries["settings"].items() if not _SETTING(value)}
        check(entries["wanted"], dict.fromkeys(KINDS, _WANTED), MANIFEST, "it is made again", missing_ok=True)
    except KeyFaceError:
        return Manifest(), False
    redos = [Redo(redo["start"], redo["end"], redo["seed"]) for redo in entries["redos"]]
    return Manifest(settings, entries["batch"], redos, entries["wanted"]), True


def require_new_or_own(path: Path) -> None:
    """Raises KeyFaceError where something else lies at a path than a work folder."""
    try:
        if not path.exists() or (path / MANIFEST).is_file():
            return
        own = path.is_dir() and all(file.name in (MANIFEST, LOCK, *KINDS) for file in path.iterdir())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise KeyFaceError(
            f"{one_line(path)}: cannot be looked at ({reason}); choose another place"
        ) from error
    if not own:
        kind = "a folder with other things in it" if path.is_dir() else "a file"
        raise KeyFaceError(f"{one_line(path)}: is {kind}; give a new folder, or one of an earlier run")


def _change(name: str, before: str | None, now: str | None) -> str:
    short = all(value is not None and len(value) < 30 for value in (before, now))
    return f"{name} ({before} before, {now} now)" if short else name


def require_own(path: Path) -> None:
    """Raises KeyFaceError where a path is no work folder."""
    if not (path / MANIFEST).is_file():
        raise KeyFaceError(f"{one_line(path)}: is no work folder; give one that was named with --work")
