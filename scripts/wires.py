"""Where the editor draws the wires of a saved workflow, computed from its JSON as the canvas does.

Units are the canvas's; a box is (left, top, right, bottom), a node's box with its title.
"""

from collections import defaultdict
from itertools import pairwise
from math import atan2, cos, dist, pi, sin

TITLE, ROW, FIRST_ROW = 30, 20, 14
STEPS = 32
_REACH, _FARTHEST = 0.25, 80

Point = tuple[float, float]
Box = tuple[float, float, float, float]


def box_of(node: dict) -> Box:
    (x, y), (width, height) = node["pos"], node["size"]
    return x, y - TITLE, x + width, y + height


def socket(node: dict, slot: int, output: bool) -> Point:
    """The middle of a socket; one that stands at a widget is taken to lie below the others."""
    x, y = node["pos"]
    return x + node["size"][0] * output, y + FIRST_ROW + ROW * slot


def curve(start: Point, end: Point, leaving: Point, arriving: Point) -> list[Point]:
    """A cubic Bézier curve as points; `leaving` and `arriving` are its controls, relative to its ends."""
    points = []
    for step in range(STEPS + 1):
        t = step / STEPS
        weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
        corners = [
            (start[0], start[0] + leaving[0], end[0] + arriving[0], end[0]),
            (start[1], start[1] + leaving[1], end[1] + arriving[1], end[1]),
        ]
        x, y = (sum(w * c for w, c in zip(weights, axis, strict=True)) for axis in corners)
        points.append((x, y))
    return points


def straight(start: Point, end: Point) -> list[Point]:
    """A wire without a reroute."""
    reach = _REACH * dist(start, end)
    return curve(start, end, (reach, 0), (-reach, 0))


def drawn(workflow: dict) -> dict[int, list[Point]]:
    """{link id: the points its wire goes through}."""
    nodes = {node["id"]: node for node in workflow["nodes"]}
    extra = workflow.get("extra", {})
    reroutes = {reroute["id"]: reroute for reroute in extra.get("reroutes", [])}
    last = {entry["id"]: entry["parentId"] for entry in extra.get("linkExtensions", [])}
    ends, through, following = {}, {}, defaultdict(list)
    for number, source, slot, target, position, _ in workflow["links"]:
        ends[number] = socket(nodes[source], slot, True), socket(nodes[target], position, False)
        through[number] = _chain(reroutes, last.get(number))
        stops = [*(tuple(reroutes[key]["pos"]) for key in through[number]), ends[number][1]]
        for key, after in zip(through[number], stops[1:], strict=True):
            following[key].append(after)
    return {number: _path(*ends[number], through[number], reroutes, following) for number in ends}


def _chain(reroutes: dict, key: int | None) -> list[int]:
    chain = []
    while key is not None:
        chain.insert(0, key)
        key = reroutes[key].get("parentId")
    return chain


def _path(start: Point, end: Point, through: list[int], reroutes: dict, following: dict) -> list[Point]:
    if not through:
        return straight(start, end)
    points, here, leaving = [], start, None
    for key in through:
        stop = tuple(reroutes[key]["pos"])
        angle = _bend(here, stop, following[key])
        length = min(_FARTHEST, _REACH * dist(here, stop))
        leaving = leaving or (_REACH * dist(here, stop), 0)
        points += curve(here, stop, leaving, (-length * cos(angle), -length * sin(angle)))
        after = stops_after(through, key, reroutes, end)
        length = min(_FARTHEST, _REACH * dist(stop, after))
        here, leaving = stop, (length * cos(angle), length * sin(angle))
    return points + curve(here, end, leaving, (-_REACH * dist(here, end), 0))


def stops_after(through: list[int], key: int, reroutes: dict, end: Point) -> Point:
    place = through.index(key) + 1
    return tuple(reroutes[through[place]]["pos"]) if place < len(through) else end


def _bend(before: Point, here: Point, after: list[Point]) -> float:
    """The direction of the wires through a reroute: between where they come from and where they go."""
    coming = atan2(here[1] - before[1], here[0] - before[0])
    going = sum(atan2(y - here[1], x - here[0]) for x, y in after) / len(after)
    half = (coming - going) / 2
    return coming - (half + pi if abs(half) > pi / 2 else half)


def crosses(points: list[Point], box: Box, margin: float = 0) -> bool:
    left, top, right, bottom = box
    return any(
        left - margin < x < right + margin and top - margin < y < bottom + margin for x, y in _dense(points)
    )


def _dense(points: list[Point], step: float = 8) -> list[Point]:
    """Points not more than `step` apart."""
    dense = []
    for (x0, y0), (x1, y1) in pairwise(points):
        parts = max(1, int(dist((x0, y0), (x1, y1)) / step))
        dense += [(x0 + (x1 - x0) * i / parts, y0 + (y1 - y0) * i / parts) for i in range(parts)]
    return [*dense, points[-1]]


def crossings(workflow: dict, margin: float = 0) -> list[tuple[int, int]]:
    """(link id, node id) wherever a wire runs under a node that it does not end at, or back under its own."""
    boxes = {node["id"]: box_of(node) for node in workflow["nodes"]}
    ends = {link[0]: (link[1], link[3]) for link in workflow["links"]}
    found = []
    for number, points in drawn(workflow).items():
        for node, box in boxes.items():
            space = -4 if node in ends[number] else margin
            if crosses(points, box, space):
                found.append((number, node))
    return found
