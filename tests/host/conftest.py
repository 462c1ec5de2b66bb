"""Real servers, one for every ComfyUI found and every worker, shared by all host tests.

The newest ComfyUI runs every test. Older ones leave out what cannot differ there: the front ends that are not
their own, and the editor's mutations.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import tiny_folder

from host.foreign_models import fill_with_foreign_models
from host.front_ends import chromium, current_front_end
from host.server import DYNAMIC, Host, comfyui_paths, version_of

HOSTS = comfyui_paths()
NEWEST_ONLY_MODULES = ("test_editor_mutations",)
NEWEST_ONLY_FRONT_ENDS = ("current canvas", "current Vue")


def named(comfyui: Path | None) -> str:
    return "no ComfyUI" if comfyui is None else ".".join(map(str, version_of(comfyui)))


@pytest.fixture(scope="session", params=HOSTS or [None], ids=named)
def comfyui(request) -> Path:
    if request.param is None:
        kind = "ComfyUI with dynamic memory" if DYNAMIC else "ComfyUI"
        line = f"no {kind} at COMFYUI_PATH, ~/comfy-new/ComfyUI or ~/comfy/ComfyUI: the nodes are not tested"
        if os.environ.get("KEYFACE_REQUIRE_HOST") == "1":
            pytest.fail(line)
        pytest.skip(line)
    return request.param


@pytest.fixture(scope="session")
def servers():
    """Those that run, by ComfyUI: kept to the end, as tests of several hosts may take turns."""
    running: dict[Path, Host] = {}
    yield running
    for server in running.values():
        server.stop()


@pytest.fixture(scope="session")
def host(comfyui, servers, tmp_path_factory) -> Host:
    """A running server with tiny models of every kind in its folders."""
    if comfyui not in servers:
        server = Host(comfyui, tmp_path_factory.mktemp("comfyui"))
        fill_with_tiny_models(server.folder / "models")
        server.start()
        servers[comfyui] = server
    return servers[comfyui]


@pytest.fixture(scope="module")
def bare_host(comfyui, tmp_path_factory) -> Iterator[Host]:
    """A server without models of its own: what a newcomer has."""
    yield from _served(Host(comfyui, tmp_path_factory.mktemp("newcomer")))


@pytest.fixture(scope="module")
def current_host(comfyui, tmp_path_factory) -> Iterator[Host]:
    """A server that serves the newest front end, whatever its own is."""
    static = current_front_end()
    if static is None:
        pytest.skip("comfyui-frontend-package is not installed: current front ends are not tested")
    yield from _served(Host(comfyui, tmp_path_factory.mktemp("current"), "--front-end-root", str(static)))


def _served(server: Host) -> Iterator[Host]:
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def running():
    """Playwright, started."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if chromium() is None:
        pytest.skip("no chromium: the front ends are not tested")
    with playwright.sync_playwright() as started:
        yield started


def fill_with_tiny_models(models: Path) -> None:
    """Puts a random model of every kind that the bundled workflows use into a models folder."""
    for folder, roles in (
        ("keyface", ("keyframe", "interpolation", "reduced", "vae")),
        ("audio_encoders", ("wavlm", "beats", "wav2vec2")),
    ):
        (models / folder).mkdir(parents=True)
        for role in roles:
            shutil.copyfile(tiny_folder() / f"{role}.safetensors", models / folder / f"{role}.safetensors")
    fill_with_foreign_models(models)


def pytest_generate_tests(metafunc):
    """Runs tests of a page on every ComfyUI: it asks for its server only as it runs, unseen by pytest."""
    if "page" in metafunc.fixturenames and "comfyui" not in metafunc.fixturenames:
        metafunc.fixturenames.append("comfyui")
        metafunc.parametrize("comfyui", HOSTS or [None], ids=named, indirect=True, scope="session")


def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if not _wanted(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _wanted(item) -> bool:
    given = item.callspec.params if hasattr(item, "callspec") else {}
    if given.get("comfyui") in (None, *HOSTS[:1]):
        return True
    module = item.path.stem
    return module not in NEWEST_ONLY_MODULES and given.get("page") not in NEWEST_ONLY_FRONT_ENDS
