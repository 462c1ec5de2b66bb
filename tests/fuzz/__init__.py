"""Fuzzers, run by hand and not by pytest: `python -m fuzz.curves --minutes 10` (docs/robustness.md)."""
