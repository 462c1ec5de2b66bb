"""A ComfyUI workflow from a short description: the editor's JSON and the API format."""

from dataclasses import dataclass, field
from pathlib import Path

import tomllib
from layout import NOTE_WIDTH, PAD, WIDTH, Placed, height_of, lay_out, room_of

WIDGET_TYPES = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
AFTER_SEED = "fixed"
ROOT = Path(__file__).parents[1]
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKS = {True: (_PROJECT["name"], _PROJECT["version"]), False: ("comfy-core", "0.3.64")}
"""Registry id and version of our nodes and of ComfyUI's: what the Manager looks for if one is missing."""
COLOURS = {
    "Load": "#6fa8dc",
    "Listen": "#6fc3b8",
    "Feel": "#c98fc4",
    "Sampler": "#a8a8b0",
    "Keyframes": "#d8a657",
    "Edit": "#a893d8",
    "Look": "#a8a8b0",
    "Frames": "#8fc275",
    "Enlarge": "#a893d8",
    "Smooth": "#a893d8",
    "Frame": "#6fc3b8",
    "Paste": "#6fc3b8",
    "Left": "#d8a657",
    "Right": "#8fc275",
    "Animate": "#d8a657",
    "Video": "#d98080",
}
_NOTE_EDGE, _NOTE_LINE, _NOTE_LETTERS = 50, 19, 130
"""Of the note: its margins, and lines as high and as long as the narrower renderer makes them."""


@dataclass
class Node:
    """A node in the making: `links` are {input: "node.output"}, `place` is (group, column, band)."""

    name: str
    type: str
    place: tuple[str, int, int]
    widgets: dict = field(default_factory=dict)
    links: dict = field(default_factory=dict)
    title: str | None = None
    id: int = 0


class Workflow:
    def __init__(self, name: str, title: str, note: str, models: dict[str, list[dict]]):
        """An empty workflow.

        Args:
            name: of its API file, for programs.
            title: of its editor file, for people.
            note: markdown, shown beside the nodes.
            models: {node type: files it may need, as `properties.models` lists them}.
        """
        self.name, self.title, self.note, self.models = name, title, note, models
        self.nodes: dict[str, Node] = {}
        self.app: tuple[dict[tuple[str, str], str], list[str]] = {}, []

    def add(
        self, name: str, type: str, place: tuple[str, int, int], title: str | None = None, **inputs
    ) -> None:
        """Adds a node; an input written "node.output" is a link, anything else a widget's value."""
        links = {key: value for key, value in inputs.items() if self._is_link(value)}
        widgets = {key: value for key, value in inputs.items() if key not in links}
        self.nodes[name] = Node(name, type, place, widgets, links, title, len(self.nodes) + 1)

    def show_as_app(self, inputs: dict[tuple[str, str], str], outputs: list[str]) -> None:
        """What ComfyUI's app mode shows: {(node, widget): label} of the inputs, nodes of the results."""
        self.app = inputs, outputs

    def _is_link(self, value) -> bool:
        return isinstance(value, str) and value.split(".")[0] in self.nodes and "." in value

    def api(self, definitions: dict) -> dict:
        prompt = {}
        for node in self.nodes.values():
            inputs = {
                name: default_of(kind, options)
                for name, (kind, options) in inputs_of(definitions[node.type])
                if is_widget(kind) and name not in node.widgets
            }
            inputs |= node.widgets
            for name, link in node.links.items():
                source, slot = self._source(link, definitions)
                inputs[name] = [str(source.id), slot]
            prompt[str(node.id)] = {
                "class_type": node.type,
                "inputs": inputs,
                "_meta": {"title": node.title or definitions[node.type]["display_name"]},
            }
        return prompt

    def editor(self, definitions: dict) -> dict:
        nodes, links = self.graph(definitions)
        placed = [self._placed(node, entry) for node, entry in zip(self.nodes.values(), nodes, strict=True)]
        groups, reroutes, extensions = lay_out(placed, links, COLOURS)
        top = min([group["bounding"][1] for group in groups] + [reroute["pos"][1] for reroute in reroutes])
        note = note_above(top, self.note, len(nodes))
        extra = {"reroutes": reroutes, "linkExtensions": extensions}
        shown, results = self.app
        if results:
            inputs = [[str(self.nodes[name].id), widget] for name, widget in shown]
            extra["linearData"] = {
                "inputs": inputs,
                "outputs": [str(self.nodes[name].id) for name in results],
            }
        return {
            "last_node_id": len(nodes) + 1,
            "last_link_id": len(links),
            "nodes": [*nodes, note],
            "links": links,
            "groups": groups,
            "config": {},
            "extra": extra,
            "version": 0.4,
        }

    def graph(self, definitions: dict) -> tuple[list[dict], list[list]]:
        """Nodes without positions, and links as [id, source, output slot, target, input slot, type]."""
        names = {node.name: self._sockets(node, definitions) for node in self.nodes.values()}
        links, arriving, leaving = [], {}, {}
        for node in self.nodes.values():
            for position, name in enumerate(names[node.name]):
                if name in node.links:
                    source, slot = self._source(node.links[name], definitions)
                    kind = definitions[source.type]["output"][slot]
                    links.append([len(links) + 1, source.id, slot, node.id, position, kind])
                    arriving[node.id, name] = len(links)
                    leaving.setdefault((source.id, slot), []).append(len(links))
        nodes = []
        for order, node in enumerate(self.nodes.values()):
            definition = definitions[node.type]
            kinds = dict(inputs_of(definition))
            labels = {widget: label for (name, widget), label in self.app[0].items() if name == node.name}
            inputs = []
            for name in [*names[node.name], *labels]:
                kind = kinds[name][0]
                entry = {"name": name, "type": kind, "link": arriving.get((node.id, name))}
                entry |= {"widget": {"name": name}} if is_widget(kind) else {}
                inputs.append(entry | ({"label": labels[name]} if name in labels else {}))
            outputs = [
                {"name": name, "type": kind, "links": leaving.get((node.id, slot))}
                for slot, (name, kind) in enumerate(
                    zip(definition["output_name"], definition["output"], strict=True)
                )
            ]
            nodes.append(self._entry(node, order, inputs, outputs, widget_values(node, definition)))
        return nodes, links

    def _entry(self, node: Node, order: int, inputs: list, outputs: list, values: list) -> dict:
        plain = [entry for entry in inputs if "widget" not in entry]
        widgets = len([value for value in values if value is not None and value != AFTER_SEED])
        counts = node.type, max(len(plain), len(outputs)), widgets, _is_ours(node)
        entry = {
            "id": node.id,
            "type": node.type,
            "pos": [0, 0],
            "size": [WIDTH, height_of(*counts)],
            "flags": {},
            "order": order,
            "mode": 0,
            "inputs": inputs,
            "outputs": outputs,
            "properties": self._properties(node),
            "widgets_values": values,
        }
        return entry | ({"title": node.title} if node.title else {})

    def _properties(self, node: Node) -> dict:
        pack, version = PACKS[_is_ours(node)]
        properties = {"Node name for S&R": node.type, "cnr_id": pack, "ver": version}
        return properties | ({"models": self.models[node.type]} if node.type in self.models else {})

    def _placed(self, node: Node, entry: dict) -> Placed:
        plain = [given for given in entry["inputs"] if "widget" not in given]
        widgets = len([v for v in entry["widgets_values"] if v is not None])
        room = room_of(node.type, max(len(plain), len(entry["outputs"])), widgets, _is_ours(node))
        group, column, band = node.place
        return Placed(entry, column, band, group, room)

    def _sockets(self, node: Node, definitions: dict) -> list[str]:
        """Inputs that have a socket: those that are no widgets, then widgets that are linked."""
        inputs = inputs_of(definitions[node.type])
        names = [name for name, (kind, _) in inputs if not is_widget(kind)]
        return names + [name for name in node.links if name not in names]

    def _source(self, link: str, definitions: dict) -> tuple[Node, int]:
        name, output = link.split(".")
        source = self.nodes[name]
        return source, definitions[source.type]["output_name"].index(output)


def _is_ours(node: Node) -> bool:
    return node.type.startswith("KeyFace")


def note_above(bottom: float, text: str, order: int) -> dict:
    """A note above everything, as high as its text."""
    lines = sum(1 + len(line) // _NOTE_LETTERS for line in text.splitlines())
    height = _NOTE_EDGE + _NOTE_LINE * lines
    return {
        "id": order + 1,
        "type": "MarkdownNote",
        "pos": [-PAD, round(bottom - 60 - height)],
        "size": [NOTE_WIDTH, height],
        "flags": {},
        "order": order,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {},
        "widgets_values": [text],
        "title": "About this workflow",
    }


def inputs_of(definition: dict):
    """(name, (type, options)) of every input, required ones first, as the editor orders them."""
    for group in ("required", "optional"):
        for name, spec in definition["input"].get(group, {}).items():
            kind, options = spec[0], (spec[1] if len(spec) > 1 else {})
            yield name, ("COMBO" if isinstance(kind, list) else kind, options | choices_of(spec))


def choices_of(spec: list) -> dict:
    return {"options": spec[0]} if isinstance(spec[0], list) else {}


def is_widget(kind: str) -> bool:
    return kind.split(",")[0] in WIDGET_TYPES


def default_of(kind: str, options: dict):
    if "default" in options:
        return options["default"]
    if kind == "COMBO":
        return options["options"][0]
    return {"STRING": "", "BOOLEAN": False}.get(kind, 0)


def widget_values(node: Node, definition: dict) -> list:
    values = []
    for name, (kind, options) in inputs_of(definition):
        if is_widget(kind):
            values.append(node.widgets[name] if name in node.widgets else default_of(kind, options))
            if options.get("control_after_generate"):
                values.append(AFTER_SEED)
            if options.get("image_upload"):
                values.append("image")
    return [*values, None, None] if node.type == "LoadAudio" else values
