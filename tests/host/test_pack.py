"""The pack as the host sees it before anything runs."""

import json
import os
import re
import subprocess
from io import BytesIO
from urllib.parse import quote

import pytest
from PIL import Image

from host.prompts import TITLES, WORKFLOWS, read_editor_workflow
from host.schema import SCHEMA, promised
from host.server import PACK, ROOT

LANGUAGES = ("en", "ja", "zh")


@pytest.fixture(scope="module")
def definitions(host) -> dict:
    return {name: node for name, node in host.get("/object_info").items() if name.startswith("KeyFace")}


def test_pack_loads_without_a_warning(host):
    log = host.said_at_start
    assert re.search(rf"[\d.]+ seconds: .*{PACK}$", log, re.MULTILINE)
    assert "IMPORT FAILED" not in log
    assert "Traceback" not in log
    if os.environ.get("KEYFACE_DYNAMIC_MEMORY") != "1":  # which imports torch early: warned of
        assert "WARNING" not in log.upper()


def test_nodes_are_the_ones_promised_to_saved_workflows(definitions):
    """Ids, input order and output order never change; new inputs go last (then update schema.json)."""
    ours = json.loads(json.dumps({name: promised(node) for name, node in definitions.items()}))
    assert ours == json.loads(SCHEMA.read_text())


def test_everything_a_user_can_point_at_has_a_tooltip(definitions):
    for name, node in definitions.items():
        assert node["description"], name
        assert node["category"] == "KeyFace"
        for group in ("required", "optional"):
            for key, spec in node["input"].get(group, {}).items():
                assert spec[1].get("tooltip"), f"{name}.{key}"
        assert all(node["output_tooltips"]), name


def test_search_finds_every_node_by_what_it_is_for(definitions):
    if not any("search_aliases" in node for node in definitions.values()):
        pytest.skip("this ComfyUI knows no search aliases")
    for name, node in definitions.items():
        assert {"talking head", "lip sync", "portrait", "avatar"} <= set(node["search_aliases"]), name


def test_what_few_turn_is_collapsed(definitions):
    advanced = {"sampler", "scheduler", "scales", "crf"}
    found = {
        key: spec[1].get("advanced", False)
        for node in definitions.values()
        for group in ("required", "optional")
        for key, spec in node["input"].get(group, {}).items()
    }
    if not any(found.values()):
        pytest.skip("this ComfyUI has no advanced inputs")
    assert {key for key, collapsed in found.items() if collapsed} == advanced


def test_every_node_is_in_a_workflow(definitions):
    used = set()
    for name in WORKFLOWS:
        prompt = json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text())
        used |= {node["class_type"] for node in prompt.values()}
    assert set(definitions) <= used


def test_workflows_are_served_as_templates_with_pictures(host):
    assert sorted(host.get("/workflow_templates")[PACK]) == sorted(TITLES.values())
    for title in TITLES.values():
        address = f"/api/workflow_templates/{PACK}/{quote(title)}"
        served = json.loads(host.fetch(f"{address}.json"))
        loaders = [node for node in served["nodes"] if node["type"] == "KeyFaceLoadModels"]
        assert loaders[0]["properties"]["models"]
        picture = Image.open(BytesIO(host.fetch(f"{address}.jpg")))
        assert picture.format in ("JPEG", "WEBP"), title


def test_editor_and_api_form_of_a_workflow_agree():
    for name in WORKFLOWS:
        editor = read_editor_workflow(name)
        api = json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text())
        nodes = {str(n["id"]): n["type"] for n in editor["nodes"] if n["type"] != "MarkdownNote"}
        assert nodes == {number: entry["class_type"] for number, entry in api.items()}
        links = {(str(link[1]), link[2], str(link[3])) for link in editor["links"]}
        assert links == {
            (value[0], value[1], number)
            for number, entry in api.items()
            for value in entry["inputs"].values()
            if isinstance(value, list)
        }


def test_help_page_of_every_node(host, definitions):
    for name, node in definitions.items():
        page = host.fetch(f"/extensions/{PACK}/docs/{name}.md").decode()
        for group in ("required", "optional"):
            for key in node["input"].get(group, {}):
                assert f"`{key}`" in page, f"{name}.md does not explain {key}"
        for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page):
            assert len(
                host.fetch(picture if picture.startswith("/") else f"/extensions/{PACK}/docs/{picture}")
            )


def test_names_and_tooltips_in_three_languages(host, definitions):
    translations = host.get("/i18n")
    for language in LANGUAGES:
        nodes = translations[language]["nodeDefs"]
        for name, node in definitions.items():
            translated = nodes[name]
            assert translated["display_name"]
            assert translated["description"]
            keys = {key for group in ("required", "optional") for key in node["input"].get(group, {})}
            assert set(translated["inputs"]) == keys, f"{language} {name}"
            assert all(entry["name"] and entry["tooltip"] for entry in translated["inputs"].values())
            assert set(translated["outputs"]) == {str(slot) for slot in range(len(node["output"]))}


def test_no_script_is_served_but_the_pack_s_own():
    """ComfyUI's page imports every script below the web directory."""
    assert [path.name for path in (ROOT / "web" / "dist").rglob("*.js")] in ([], ["keyface.js"])


def test_loading_the_pack_imports_nothing_heavy(host):
    """Start-up: transformers and diffusers are imported when they are needed, not when nodes are listed."""
    program = (
        "import sys, asyncio; sys.path.insert(0, sys.argv[2]); from in_host import prepare; "
        "prepare(sys.argv[1]); import nodes; before = set(sys.modules); "
        "asyncio.run(asyncio.wait_for(sys.modules['keyface_pack'].comfy_entrypoint(), 60)); "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    folder = str(ROOT / "tests" / "host")
    command = [host.python, "-c", program, str(host.comfyui), folder]
    imported = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"diffusers", "transformers", "huggingface_hub"} & set(imported)
