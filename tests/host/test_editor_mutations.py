"""The editor's browser tests can fail: each of these mistakes, put into its code, makes one of them do so."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from host.front_ends import chromium
from host.server import ROOT

WEB = ROOT / "web"
MUTATIONS = json.loads((WEB / "test" / "mutations.json").read_text())


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation["name"] for mutation in MUTATIONS])
def test_a_mistake_is_noticed(comfyui, tmp_path, mutation):
    if not (WEB / "node_modules" / "esbuild").is_dir() or chromium() is None:
        pytest.skip("the editor cannot be built and tried here: run npm ci in web/, install chromium")
    pack = tmp_path / "pack"
    pack.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in ("web", ".git", ".venv"):
            (pack / entry.name).symlink_to(entry)
    shutil.copytree(WEB, pack / "web", ignore=shutil.ignore_patterns("node_modules"))
    (pack / "web" / "node_modules").symlink_to(WEB / "node_modules")
    source = pack / "web" / "src" / mutation["file"]
    code = source.read_text()
    assert code.count(mutation["find"]) == 1
    source.write_text(code.replace(mutation["find"], mutation["replace"]))
    subprocess.run(["node", "build.mjs"], cwd=pack / "web", check=True)

    command = [sys.executable, "-m", "pytest", "tests/host/test_editor.py", "-n", "0", "-q", "-x"]
    command += ["-k", f"pinned and {mutation['noticed_by']}", "-p", "no:cacheprovider"]
    environment = {**os.environ, "KEYFACE_PACK": str(pack)}
    outcome = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert outcome.returncode == 1, outcome.stdout[-2000:]
    assert " failed" in outcome.stdout
