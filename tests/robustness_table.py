"""The table of docs/robustness.md, as its cells are tested: `python tests/robustness_table.py` writes it."""

from pathlib import Path

from damages import DAMAGES
from test_robustness import CELLS, OUTSIDE, Cell

PAGE = Path(__file__).parents[1] / "docs" / "robustness.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of the table -->\n"
COLUMNS = (*DAMAGES, OUTSIDE)


def others() -> list[str]:
    """The tests that show cells in place of those of tests/test_robustness.py, in the order of the table."""
    return list(
        dict.fromkeys(
            CELLS[kind][damage].test for kind in CELLS for damage in COLUMNS if CELLS[kind][damage].test
        )
    )


def table() -> str:
    """All kinds and damages in Markdown, and the tests of the numbered cells."""
    numbers = {test: number for number, test in enumerate(others(), 1)}

    def written(cell: Cell) -> str:
        number = f" [{numbers[cell.test]}]" if cell.test else ""
        return f"*{cell.words}*" if cell.is_read else f"{cell.words}{number}"

    lines = [f"| | {' | '.join(COLUMNS)} |", "|---" * (1 + len(COLUMNS)) + "|"]
    for kind, cells in CELLS.items():
        lines.append(f"| **{kind}** | {' | '.join(written(cells[damage]) for damage in COLUMNS)} |")
    lines += ["", *(f"{number}. `tests/{test}`" for test, number in numbers.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")
