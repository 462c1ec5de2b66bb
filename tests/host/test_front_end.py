"""The bundled workflows in the real front end, in a headless browser."""

import json

import pytest

from host.front_ends import open_page
from host.prompts import NOT_HERE, WORKFLOWS, read_editor_workflow, skip_without_its_nodes
from host.server import ROOT


@pytest.fixture(scope="module")
def page(host, running):
    return open_page(running, host)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_dragged_in_workflow_asks_for_what_its_api_form_does(page, host, name):
    skip_without_its_nodes(host, name)
    workflow = read_editor_workflow(name)
    api = json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text())
    page.evaluate("workflow => app.loadGraphData(workflow)", workflow)
    prompt = page.evaluate("async () => (await app.graphToPrompt()).output")
    assert {number: compared(entry, api[number]) for number, entry in prompt.items()} == {
        number: compared(entry, entry) for number, entry in api.items()
    }
    if name in NOT_HERE:  # the front end asks for the size of the missing files, which the host forbids
        page.errors.clear()
    assert not page.errors


def compared(asked: dict, ours: dict) -> tuple[str, dict]:
    """What must be the same of a node: of ComfyUI.s own nodes, which gain inputs, those that we give."""
    inputs = widgets_and_links(asked)
    if not ours["class_type"].startswith("KeyFace"):
        inputs = {key: value for key, value in inputs.items() if key in ours["inputs"]}
    return asked["class_type"], inputs


def widgets_and_links(entry: dict) -> dict:
    """Inputs without those that only the front end knows, such as buttons to upload or listen."""
    return {key: value for key, value in entry["inputs"].items() if key not in ("upload", "audioUI")}
