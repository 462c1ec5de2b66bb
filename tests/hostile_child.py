"""Reads hostile files in a process that may not take much: `python hostile_child.py MODULE FOLDER`.

Prints {table: {case: what came of it}} as JSON: the message of a KeyFaceError, or what went wrong.
"""

import importlib
import json
import resource
import sys
import time
import warnings
from pathlib import Path
from types import ModuleType

from keyface_lib.errors import KeyFaceError

SECONDS, BYTES = 10, 2**30


def outcomes(written: ModuleType, table: str, folder: Path) -> dict[str, str]:
    """What came of the cases of a table of a module."""
    cases, read = getattr(written, table), getattr(written, f"read_{table.lower()}")
    taken = resource.getpagesize() * int(Path("/proc/self/statm").read_text().split()[0])
    made = {}
    for number, (case, make) in enumerate(cases.items()):
        path = folder / f"{table}-{number}{written.SUFFIXES.get(table, '')}"
        make(path)
        resource.setrlimit(resource.RLIMIT_AS, (taken + BYTES, resource.RLIM_INFINITY))
        started = time.process_time()
        try:
            read(path)
        except KeyFaceError as error:
            made[case] = str(error) if path.name in str(error) else f"does not name the file: {error}"
        except BaseException as error:
            made[case] = f"raises {type(error).__name__}: {error}"
        else:
            made[case] = "is accepted"
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        seconds = time.process_time() - started
        if seconds > SECONDS:
            made[case] = f"takes {seconds:.1f} s: {made[case]}"
        if path.is_file() and not path.is_symlink():
            path.unlink()
    return made


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    tables = importlib.import_module(sys.argv[1])
    print(json.dumps({name: outcomes(tables, name, Path(sys.argv[2])) for name in tables.TABLES}))
