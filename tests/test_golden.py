"""The recorded cases of the authors' code, as `verify_golden.py` runs them."""

from pathlib import Path

import pytest
from verify_golden import SUBJECTS, run

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_recorded_case_is_within_its_bound(subject):
    cases = list(run(GOLDEN, subject))
    assert cases
    assert not [case for case in cases if not case.ok]
