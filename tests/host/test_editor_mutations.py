"""The editor's browser tests can fail: each of these mistakes, put into its code, makes one of them do so."""

import json
import shutil
import subprocess

import pytest

from host import test_editor
from host.front_ends import CURRENT_VUE, PINNED, chromium, open_page
from host.server import ROOT

WEB = ROOT / "web"
MUTATIONS = json.loads((WEB / "test" / "mutations.json").read_text())
SCRIPT = "**/extensions/**/keyface.js"
SOON_MS = 2500
"""How long a test waits for what a mistake keeps from happening."""


@pytest.fixture(scope="module")
def pages(running, comfyui, request):
    """Opens pages of either front end, each once."""
    if not (WEB / "node_modules" / "esbuild").is_dir():
        pytest.skip("the editor cannot be built here: run npm ci in web/")
    opened = {}

    def page_of(front_end: str):
        if front_end not in opened:
            server = request.getfixturevalue("host" if front_end == PINNED else "current_host")
            page = open_page(running, server, vue=front_end == CURRENT_VUE)
            page.server, page.kind = server, front_end
            opened[front_end] = page
        return opened[front_end]

    yield page_of
    for page in opened.values():
        page.context.browser.close()


def built_with(mutation: dict, folder) -> str:
    """The editor's script with a mistake in it."""
    (folder / "locales").symlink_to(ROOT / "locales")
    shutil.copytree(WEB / "src", folder / "web" / "src")
    shutil.copyfile(WEB / "build.mjs", folder / "web" / "build.mjs")
    (folder / "web" / "dist").mkdir()
    (folder / "web" / "node_modules").symlink_to(WEB / "node_modules")
    source = folder / "web" / "src" / mutation["file"]
    code = source.read_text()
    assert code.count(mutation["find"]) == 1
    source.write_text(code.replace(mutation["find"], mutation["replace"]))
    subprocess.run(["node", "build.mjs"], cwd=folder / "web", check=True)
    return (folder / "web" / "dist" / "keyface.js").read_text()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation["name"] for mutation in MUTATIONS])
def test_a_mistake_is_noticed(pages, mutation, tmp_path, monkeypatch):
    if chromium() is None:
        pytest.skip("no chromium: the editor is not tested")
    script = built_with(mutation, tmp_path)
    page = pages(mutation.get("front_end", PINNED))
    (name,) = [name for name in vars(test_editor) if name.startswith(f"test_{mutation['noticed_by']}")]
    page.route(SCRIPT, lambda route: route.fulfill(body=script, content_type="text/javascript"))
    try:
        test_editor.start_anew(page)
        test = getattr(test_editor, name)
        given = {"editor": test_editor.fresh(page), "tmp_path": tmp_path, "scale": 0.6, "at": (400, 250)}
        monkeypatch.setattr(test_editor, "PATIENCE_MS", SOON_MS)
        names = test.__code__.co_varnames[: test.__code__.co_argcount]
        with pytest.raises((AssertionError, test_editor.playwright.Error)):
            test(**{name: given[name] for name in names})
    finally:
        page.unroute(SCRIPT)
