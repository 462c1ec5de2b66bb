"""A ComfyUI workflow from a short description: the editor's JSON, laid out in columns, and the API format."""

from dataclasses import dataclass, field

WIDGET_TYPES = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
WIDTH, GAP, NOTE_WIDTH = 300, 60, 420
WIDER = {"KeyFaceEmotionCurve": 700, "KeyFaceTimelinePreview": 480}
AFTER_SEED = "fixed"


@dataclass
class Node:
    """A node in the making: `links` are {input: "node.output"}."""

    name: str
    type: str
    column: int
    widgets: dict = field(default_factory=dict)
    links: dict = field(default_factory=dict)
    title: str | None = None
    id: int = 0


class Workflow:
    def __init__(self, name: str, note: str, models: dict[str, list[dict]]):
        """An empty workflow.

        Args:
            note: markdown, shown beside the nodes.
            models: {node type: files it needs, as `properties.models` lists them}.
        """
        self.name = name
        self.note = note
        self.models = models
        self.nodes: dict[str, Node] = {}

    def add(self, name: str, type: str, column: int, title: str | None = None, **inputs) -> str:
        """Adds a node; an input written "node.output" is a link, anything else a widget's value."""
        links = {key: value for key, value in inputs.items() if self._is_link(value)}
        widgets = {key: value for key, value in inputs.items() if key not in links}
        self.nodes[name] = Node(name, type, column, widgets, links, title, len(self.nodes) + 1)
        return name

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
        links, nodes, bottoms = [], [], {}
        outgoing: dict[tuple[str, int], list[int]] = {}
        incoming: dict[tuple[str, str], int] = {}
        for node in self.nodes.values():
            sockets = [name for name, (kind, _) in inputs_of(definitions[node.type]) if not is_widget(kind)]
            sockets += [name for name in node.links if name not in sockets]
            for position, name in enumerate(sockets):
                if name not in node.links:
                    continue
                source, slot = self._source(node.links[name], definitions)
                kind = definitions[source.type]["output"][slot]
                link = len(links) + 1
                links.append([link, source.id, slot, node.id, position, kind])
                outgoing.setdefault((source.name, slot), []).append(link)
                incoming[node.name, name] = link
        lefts = self._lefts()
        for order, node in enumerate(self.nodes.values()):
            definition = definitions[node.type]
            inputs = []
            for name, (kind, _) in inputs_of(definition):
                if is_widget(kind) and name not in node.links:
                    continue
                entry = {"name": name, "type": kind, "link": incoming.get((node.name, name))}
                if is_widget(kind):
                    entry["widget"] = {"name": name}
                inputs.append(entry)
            outputs = [
                {"name": title, "type": kind, "links": outgoing.get((node.name, slot))}
                for slot, (title, kind) in enumerate(
                    zip(definition["output_name"], definition["output"], strict=True)
                )
            ]
            values = widget_values(node, definition)
            height = height_of(node, definition, len(inputs), len(outputs), len(values))
            size = [WIDER.get(node.type, WIDTH), height]
            top = bottoms.get(node.column, 0)
            bottoms[node.column] = top + size[1] + GAP + 30
            properties = {"Node name for S&R": node.type}
            if node.type in self.models:
                properties["models"] = self.models[node.type]
            entry = {
                "id": node.id,
                "type": node.type,
                "pos": [lefts[node.column], top],
                "size": size,
                "flags": {},
                "order": order,
                "mode": 0,
                "inputs": inputs,
                "outputs": outputs,
                "properties": properties,
                "widgets_values": values,
            }
            if node.title:
                entry["title"] = node.title
            nodes.append(entry)
        note = {
            "id": len(nodes) + 1,
            "type": "MarkdownNote",
            "pos": [-NOTE_WIDTH - GAP, 0],
            "size": [NOTE_WIDTH, 420],
            "flags": {},
            "order": len(nodes),
            "mode": 0,
            "inputs": [],
            "outputs": [],
            "properties": {},
            "widgets_values": [self.note],
            "title": "About this workflow",
        }
        return {
            "last_node_id": len(nodes) + 1,
            "last_link_id": len(links),
            "nodes": [*nodes, note],
            "links": links,
            "groups": [],
            "config": {},
            "extra": {"ds": {"scale": 0.8, "offset": [NOTE_WIDTH + 2 * GAP, 60]}},
            "version": 0.4,
        }

    def _lefts(self) -> list[int]:
        """Where the columns start, each as wide as its widest node."""
        columns = range(1 + max(node.column for node in self.nodes.values()))
        widths = [
            max((WIDER.get(n.type, WIDTH) for n in self.nodes.values() if n.column == column), default=0)
            for column in columns
        ]
        return [sum(widths[:column]) + GAP * column for column in columns]

    def _source(self, link: str, definitions: dict) -> tuple[Node, int]:
        name, output = link.split(".")
        source = self.nodes[name]
        return source, definitions[source.type]["output_name"].index(output)


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


def height_of(node: Node, definition: dict, inputs: int, outputs: int, widgets: int) -> int:
    """Close to what the editor gives a node, with room for what it shows after a run."""
    texts = sum(options.get("multiline", False) for _, (_, options) in inputs_of(definition))
    shown = {"LoadImage": 220, "LoadAudio": 60, "SaveVideo": 220, "PreviewImage": 240}
    shown |= {"KeyFaceKeyframeSampler": 200, "KeyFaceInterpolationSampler": 200, "SamplerCustomAdvanced": 200}
    shown |= {"KeyFaceTimelinePreview": 220, "KeyFaceEmotionCurve": 290}
    return 20 * max(inputs, outputs) + 26 * widgets + 70 * texts + shown.get(node.type, 0) + 16
