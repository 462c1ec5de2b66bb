"""Strengths against what was measured, as SVG."""

WIDTH, HEIGHT, SIDE, TOP = 320, 220, 46, 34
"""Of one plot, in pixels, and the room at its left and above it."""
HIGHEST = 3.0
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#7f7f7f")
PLOTS = (
    ("head-motion", "head motion", (("x", "x"), ("y", "y"), ("tilt", "tilt"), ("mouth r", "mouth r"))),
    (
        "expression",
        "expression",
        (("smile / valence", "smile"), ("brow / arousal", "brow")),
    ),
)
"""Part, name of its strength, and the columns that are drawn, with what they are called."""


def chart(results: dict) -> str:
    """Every measured column relative to what it is at a strength of 1, one plot for each kind of strength.

    Args:
        results: of `taste.py`, by part; parts that are missing are not drawn.
    """
    plots = [plot for plot in PLOTS if plot[0] in results]
    width, height = len(plots) * (WIDTH + 2 * SIDE), HEIGHT + 2 * TOP + 20
    drawn = [_plot(*plot, results[plot[0]]["rows"], i * (WIDTH + 2 * SIDE)) for i, plot in enumerate(plots)]
    style = 'font-family="sans-serif" font-size="12" fill="#333"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {style}>'
    return "\n".join([start, f'<rect width="{width}" height="{height}" fill="#fff"/>', *drawn, "</svg>\n"])


def _plot(_: str, name: str, columns: tuple, rows: list[dict], offset: int) -> str:
    points = {row[name]: row for row in rows if not isinstance(row[name], str)}
    parts = [f'<g transform="translate({offset + SIDE},{TOP})">']
    for tick in (0, 0.5, 1, 1.5, 2, 2.5, 3):
        y = _y(tick)
        parts.append(f'<path d="M0 {y}H{WIDTH}" stroke="#ddd"/><text x="-26" y="{y + 4}">{tick:g}</text>')
    for tick in (0, 0.5, 1, 1.5, 2):
        parts.append(f'<text x="{_x(tick) - 8}" y="{HEIGHT + 18}">{tick:g}</text>')
    parts.append(f'<path d="M0 {_y(0)}L{WIDTH} {_y(2)}" stroke="#bbb" stroke-dasharray="2 4"/>')
    for i, ((column, called), colour) in enumerate(zip(columns, COLOURS, strict=False)):
        usual = points[1.0][column]
        path = "L".join(f"{_x(at)} {_y(row[column] / usual)}" for at, row in sorted(points.items()))
        dashes = ' stroke-dasharray="6 4"' if column == "mouth r" else ""
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        parts.append(f'<text x="{12 + 72 * i}" y="-10" fill="{colour}">{called}</text>')
    parts.append(f'<text x="{WIDTH / 2 - 40}" y="{HEIGHT + 38}">{name}</text></g>')
    return "\n".join(parts)


def _x(strength: float) -> float:
    return round(WIDTH * strength / 2, 1)


def _y(ratio: float) -> float:
    return round(HEIGHT * (1 - min(max(ratio, 0), HIGHEST) / HIGHEST), 1)
