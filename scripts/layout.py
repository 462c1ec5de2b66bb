"""Places a workflow's nodes in a grid of columns and bands, groups around them, wires beside them.

A wire whose own curve would run under a node goes through a lane above, between or below the bands, held by
reroutes: one where it leaves its column and one where it enters the other; wires of one output share a lane.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from wires import ROW, TITLE, crosses, socket, straight

WIDTH, PAD, HEADING = 340, 24, 56
"""Of a node; of a group beside its nodes; of a group above them, node titles left out."""
GAP, BETWEEN, TRACK = 130, 26, 20
"""Between columns; between the nodes of a cell; between wires that run side by side."""
CLEAR = 60
"""Of a corridor without lanes."""
NOTE_WIDTH = 880
WIDER = {"KeyFaceEmotionCurve": 720, "KeyFaceTimelinePreview": 560}
SHOWN = {"LoadImage": 260, "LoadAudio": 80, "SaveVideo": 250, "PreviewImage": 240, "CreateVideo": 28}
"""What a node shows beside sockets and widgets: pictures, players."""
SHOWN |= {"KeyFaceTimelinePreview": 220, "KeyFaceEmotionCurve": 370, "KeyFaceKeyframesToImages": 320}
SHOWN |= {"KeyFaceFrameFace": 240, "KeyFaceEmotionFromVideo": 280, "LoadVideo": 360}
SHOWN |= dict.fromkeys(("KeyFaceImagesToKeyframes", "KeyFacePinKeyframes", "KeyFaceRerollKeyframes"), 8)
GROWS = {"KeyFaceKeyframeSampler": 270, "KeyFaceInterpolationSampler": 290, "KeyFaceAnimate": 290}
"""How much higher a node becomes by what it shows while it runs: live previews, lines of text."""
GROWS |= {"SamplerCustomAdvanced": 240, "KeyFaceEncodeAudio": 50}
_MOST_PASSES = 8


def height_of(kind: str, sockets: int, widgets: int, ours: bool) -> int:
    """What both renderers of today's editor need, without the title; ours carry the pack's badge below."""
    return max(60, ROW * sockets + 28 * widgets + (38 if ours else 14) + SHOWN.get(kind, 0))


def room_of(kind: str, sockets: int, widgets: int, ours: bool) -> int:
    """As `height_of`, where Nodes 2.0 was new (ComfyUI 0.3.64): its rows are higher."""
    early = 38 + 28 * sockets + (38 * widgets + 10 if widgets else 0) + 14
    return max(height_of(kind, sockets, widgets, ours), early)


@dataclass
class Placed:
    """A node in the grid; `entry` is its JSON, of which position and size are written."""

    entry: dict
    column: int
    band: int
    group: str
    room: int


@dataclass
class Grid:
    """Where columns and bands lie.

    Attributes:
        lanes: {corridor: lanes in it}; corridor 0 is above band 0, corridor n below the last.
        tracks: {column: wires that run up or down before it}.
    """

    lanes: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    tracks: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    lefts: list[float] = field(default_factory=list)
    rights: list[float] = field(default_factory=list)
    tops: list[float] = field(default_factory=list)
    bottoms: list[float] = field(default_factory=list)

    def lane(self, corridor: int, index: int) -> float:
        """The height at which a lane runs."""
        above = self.bottoms[corridor - 1] + PAD if corridor else self.tops[0] - self.depth(0)
        return above + CLEAR / 2 + TRACK * index

    def depth(self, corridor: int) -> float:
        return CLEAR + TRACK * max(0, self.lanes[corridor] - 1)

    def gap(self, column: int) -> float:
        """The width of the gap before a column."""
        return GAP + TRACK * max(0, self.tracks[column] - 2)

    def track(self, column: int, index: int) -> float:
        """Where a wire runs up or down before a column, the first farthest to the left."""
        right = self.lefts[column] if column < len(self.lefts) else self.rights[-1] + self.gap(column)
        return right - self.gap(column) / 2 + TRACK * (index - (self.tracks[column] - 1) / 2)


def lay_out(nodes: list[Placed], links: list[list], colours: dict[str, str]) -> tuple[list, list, list]:
    """Writes positions, and returns (groups, reroutes, link extensions) for the JSON."""
    grid = Grid()
    for _ in range(_MOST_PASSES):
        _place(nodes, grid)
        detours = _detours(nodes, links, grid)
        runs = _runs(detours, nodes, grid)
        lanes, tracks = _counted(runs)
        if lanes == dict(grid.lanes) and tracks == dict(grid.tracks):
            break
        grid.lanes, grid.tracks = defaultdict(int, lanes), defaultdict(int, tracks)
    return _groups(nodes, grid, colours), *_reroutes(runs, grid)


def _place(nodes: list[Placed], grid: Grid) -> None:
    cells = defaultdict(list)
    for node in nodes:
        cells[node.column, node.band].append(node)
    columns, bands = (range(1 + max(place)) for place in zip(*cells, strict=True))
    heights = {}
    for (column, band), members in cells.items():
        beside = [node.column for node in nodes if node.group == members[-1].group and node.band == band]
        closed = band == bands[-1] or any((c, band + 1) in cells for c in range(min(beside), max(beside) + 1))
        heights[column, band] = _height(members, (column, band + 1) in cells, closed)
    grid.lefts, grid.rights, grid.tops, grid.bottoms = [], [], [], []
    x = y = 0.0
    for column in columns:
        x += grid.gap(column) if column else 0
        grid.lefts.append(x)
        x += max((WIDER.get(n.entry["type"], WIDTH) for n in nodes if n.column == column), default=WIDTH)
        grid.rights.append(x)
    for band in bands:
        y += grid.depth(band) if band else 0
        grid.tops.append(y)
        y += HEADING + TITLE + max((heights.get((column, band), 0) for column in columns), default=0)
        grid.bottoms.append(y)
        y += PAD
    for (column, band), members in cells.items():
        y = grid.tops[band] + HEADING + TITLE
        for node in members:
            node.entry["pos"] = [round(grid.lefts[column]), round(y)]
            node.entry["size"][0] = round(grid.rights[column] - grid.lefts[column])
            y += node.room + BETWEEN + TITLE


def _height(members: list[Placed], followed: bool, closed: bool) -> float:
    """Of a cell.

    Args:
        followed: there is a cell below; what only the early Nodes 2.0 needs may reach into the corridor
            between, not to a node there.
        closed: its group cannot reach into the next band, so that nodes grow in this one.
    """
    *above, last = members
    early = last.room - (CLEAR + HEADING + TITLE - BETWEEN) * followed
    grown = _grown(last) if closed else last.entry["size"][1]
    height = max(grown + PAD, early if followed else 0)
    return sum(node.room + BETWEEN + TITLE for node in above) + height


@dataclass
class _Run:
    """The wires of one output through one corridor in one direction, by the column they enter before."""

    source: Placed
    slot: int
    corridor: int
    entries: dict[int, list[int]]
    lane: int = 0
    exit_track: int = 0
    entry_tracks: dict[int, int] = field(default_factory=dict)

    @property
    def exit(self) -> int:
        return self.source.column + 1

    def columns(self) -> tuple[int, int]:
        """The gaps it reaches, leftmost and rightmost."""
        return min(self.exit, *self.entries), max(self.exit, *self.entries)


def _detours(nodes: list[Placed], links: list[list], grid: Grid) -> list[tuple]:
    """(link, source, target, corridor) of the links whose own curve would run under a node."""
    by_id = {node.entry["id"]: node for node in nodes}
    found = []
    for link in links:
        number, source, slot, target, position, _ = link
        source, target = by_id[source], by_id[target]
        start, end = socket(source.entry, slot, True), socket(target.entry, position, False)
        wire = straight(start, end)
        clear = target.column > source.column and not any(
            crosses(wire, _grown_box(node), -2 if node in (source, target) else 12) for node in nodes
        )
        if not clear:
            passed = sorted([source.column + 1, target.column])
            between = [node for node in nodes if passed[0] <= node.column < passed[1]]
            costs = {
                corridor: _rise(start, grid.lane(corridor, 0)) + _rise(end, grid.lane(corridor, 0))
                for corridor in range(len(grid.tops) + 1)
                if not any(_reaches(node, grid, corridor) for node in between)
            }
            found.append((number, source, slot, target, min(costs, key=costs.__getitem__)))
    return found


def _reaches(node: Placed, grid: Grid, corridor: int) -> bool:
    """Whether a node grows over the lanes of a corridor."""
    return node.band < corridor and node.entry["pos"][1] + _grown(node) > grid.lane(corridor, 0) - PAD


def _rise(socket: tuple[float, float], lane: float) -> float:
    """What a way up or down costs; two short ones less than one long one, which swings out farther."""
    return abs(socket[1] - lane) ** 1.5


def _grown(node: Placed) -> float:
    """Its height while it runs."""
    return node.entry["size"][1] + GROWS.get(node.entry["type"], 0)


def _grown_box(node: Placed) -> tuple[float, float, float, float]:
    (x, y), width = node.entry["pos"], node.entry["size"][0]
    return x, y - TITLE, x + width, y + _grown(node)


def _runs(detours: list[tuple], nodes: list[Placed], grid: Grid) -> list[_Run]:
    """Lanes and tracks for all detours, ordered so that few of them cross."""
    runs: dict[tuple, _Run] = {}
    for number, source, slot, target, corridor in detours:
        forward = target.column > source.column
        key = (source.entry["id"], slot, corridor, forward)
        run = runs.setdefault(key, _Run(source, slot, corridor, defaultdict(list)))
        run.entries[target.column].append(number)
    ordered = sorted(runs.values(), key=lambda run: (run.corridor, *_from(run, grid)))
    taken: dict[int, list[list[tuple[int, int]]]] = defaultdict(list)
    for run in ordered:
        first, last = run.columns()
        lanes = taken[run.corridor]
        free = (i for i, lane in enumerate(lanes) if all(last < a or b < first for a, b in lane))
        run.lane = next(free, len(lanes))
        if run.lane == len(lanes):
            lanes.append([])
        lanes[run.lane].append((first, last))
    counts: dict[int, int] = defaultdict(int)
    for run in ordered:
        run.exit_track = counts[run.exit]
        counts[run.exit] += 1
    for run in reversed(ordered):
        for column in sorted(set(run.entries) - {run.exit}):
            run.entry_tracks[column] = counts[column]
            counts[column] += 1
    return ordered


def _from(run: _Run, grid: Grid) -> tuple:
    """Sources from top to bottom for a lane above them, from bottom to top for one below."""
    height = socket(run.source.entry, run.slot, True)[1]
    above = grid.lane(run.corridor, 0) < height
    return (not above, run.source.column, height if above else -height)


def _counted(runs: list[_Run]) -> tuple[dict[int, int], dict[int, int]]:
    lanes: dict[int, int] = {}
    tracks: dict[int, int] = defaultdict(int)
    for run in runs:
        lanes[run.corridor] = max(lanes.get(run.corridor, 0), run.lane + 1)
        tracks[run.exit] += 1
        for column in run.entry_tracks:
            tracks[column] += 1
    return lanes, dict(tracks)


def _reroutes(runs: list[_Run], grid: Grid) -> tuple[list[dict], list[dict]]:
    reroutes, extensions = [], []
    for run in runs:
        height = grid.lane(run.corridor, run.lane)
        forward = max(run.entries) > run.source.column
        stops = [(grid.track(run.exit, run.exit_track), run.entries.get(run.exit, []))]
        for column in sorted(run.entry_tracks, reverse=not forward):
            stops.append((grid.track(column, run.entry_tracks[column]), run.entries[column]))
        for place, (x, leaving) in enumerate(stops):
            links = sorted(link for _, links in stops[place:] for link in links)
            reroute = {"id": len(reroutes) + 1, "pos": [round(x), round(height)], "linkIds": links}
            if place:
                reroute["parentId"] = len(reroutes)
            reroutes.append(reroute)
            extensions += [{"id": link, "parentId": reroute["id"]} for link in leaving]
    return reroutes, sorted(extensions, key=lambda extension: extension["id"])


def _groups(nodes: list[Placed], grid: Grid, colours: dict[str, str]) -> list[dict]:
    groups = []
    for title in dict.fromkeys(node.group for node in nodes):
        members = [node for node in nodes if node.group == title]
        left, top = min(grid.lefts[n.column] for n in members), min(grid.tops[n.band] for n in members)
        right = max(grid.rights[n.column] for n in members)
        lowest = max(n.entry["pos"][1] + _grown(n) for n in members)
        band = max(n.band for n in members)
        bottom = next((b for b in grid.bottoms[band:] if b + PAD >= lowest), lowest)
        bounding = [left - PAD, top, right - left + 2 * PAD, bottom - top + PAD]
        number = len(groups) + 1
        groups.append(
            {
                "id": number,
                "title": f"{number} {title}",
                "bounding": [round(value) for value in bounding],
                "color": colours[title],
                "font_size": 24,
                "flags": {},
            }
        )
    return groups
