"""Reads hostile files in a process that may not take much: `python hostile_child.py MODULE TABLE FOLDER`.

Prints {case: what came of it} as JSON: the message of a KeyFaceError, or what went wrong.
"""

import importlib
import json
import resource
import sys
import time
import warnings
from pathlib import Path

from keyface_lib.errors import KeyFaceError

SECONDS, BYTES = 10, 2**30


def main(module: str, table: str, folder: Path) -> dict[str, str]:
    warnings.simplefilter("ignore")
    written = importlib.import_module(module)
    cases, read = getattr(written, table), getattr(written, f"read_{table.lower()}")
    taken = 4096 * int(Path("/proc/self/statm").read_text().split()[0])
    made = {}
    for number, (case, make) in enumerate(cases.items()):
        path = folder / f"{number}{written.SUFFIXES.get(table, '')}"
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
    print(json.dumps(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
