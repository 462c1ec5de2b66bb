"""What saved workflows rely on; `python -m host.schema URL`, in tests/, writes it down after an addition."""

import json
import sys
import urllib.request
from pathlib import Path

SCHEMA = Path(__file__).with_name("schema.json")


def promised(definition: dict) -> dict:
    """Names, types and order of a node's inputs and outputs, from its `/object_info`."""
    return {
        "inputs": [
            [name, "COMBO" if isinstance(spec[0], list) else spec[0], group]
            for group in ("required", "optional")
            for name, spec in definition["input"].get(group, {}).items()
        ],
        "outputs": list(zip(definition["output_name"], definition["output"], strict=True)),
    }


def main() -> None:
    with urllib.request.urlopen(f"{sys.argv[1]}/object_info") as response:
        nodes = json.load(response)
    ours = {name: promised(node) for name, node in nodes.items() if name.startswith("KeyFace")}
    SCHEMA.write_text(json.dumps(ours, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
