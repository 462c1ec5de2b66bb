"""Runs every recorded case of the authors' code: verify_golden.py DIR [--failed].

DIR is any folder of the format described in tests/golden/README.md. Prints a line a case (name, error,
bound, ok) and exits with 1 if one misses its bound.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # works without an installation too

from golden_cases import audio, emotion, networks, schedule, timeline, training, vae
from golden_cases.case import Case

SUBJECTS = {
    "schedule": schedule,
    "timeline": timeline,
    "emotion": emotion,
    "vae": vae,
    "audio": audio,
    "networks": networks,
    "training": training,
}


@torch.inference_mode()
def run(folder: Path, subject: str) -> Iterator[Case]:
    """The cases of one subject."""
    yield from SUBJECTS[subject].cases(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--failed", action="store_true", help="print only the cases that miss")
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder")
    warnings.simplefilter("ignore")
    total = missed = 0
    for subject in SUBJECTS:
        for case in run(options.folder, subject):
            total += 1
            missed += not case.ok
            if not (options.failed and case.ok):
                verdict = "ok" if case.ok else "MISSED"
                print(f"{case.name:<48} {case.error:>10.2e}  <= {case.bound:.0e}  {verdict}")
    print(f"{total} recorded cases, {missed} missed")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
