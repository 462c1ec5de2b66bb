"""A real ComfyUI with the pack linked in, and a client for its HTTP and websocket interfaces."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import websocket

PACK = "keyface"
ROOT = Path(__file__).parents[2]
START_S, RUN_S = 120, 300
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)+")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


DYNAMIC = os.environ.get("KEYFACE_DYNAMIC_MEMORY") == "1"
"""Run the hosts that have dynamic memory with it, and only those."""


def comfyui_paths() -> list[Path]:
    """Where ComfyUI lies, the newest first: all of COMFYUI_PATH, or of the usual places, that are there."""
    usual = [Path.home() / folder / "ComfyUI" for folder in ("comfy-new", "comfy")]
    named = os.environ.get("COMFYUI_PATH")
    places = [Path(place) for place in named.split(os.pathsep) if place] if named else usual
    found = [place for place in places if (place / "main.py").is_file()]
    if DYNAMIC:
        found = [place for place in found if has_dynamic_memory(place)]
    return sorted(found, key=version_of, reverse=True)


def comfyui_path() -> Path | None:
    """The newest of `comfyui_paths`."""
    return next(iter(comfyui_paths()), None)


def version_of(comfyui: Path) -> tuple[int, ...]:
    """The version a ComfyUI says it is, such as (0, 33, 0)."""
    said = (comfyui / "comfyui_version.py").read_text()
    return tuple(int(part) for part in re.search(r'__version__ = "([\d.]+)"', said)[1].split("."))


def has_dynamic_memory(comfyui: Path) -> bool:
    return (comfyui / "comfy" / "memory_management.py").is_file()


def host_python(comfyui: Path) -> Path:
    """The host's own Python: COMFYUI_PYTHON, or of the virtual environment in or beside it."""
    if named := os.environ.get("COMFYUI_PYTHON"):
        return Path(named)
    candidates = [folder / "bin" / "python" for folder in (comfyui / "venv", comfyui / ".venv")]
    candidates.append(comfyui.parent / "venv" / "bin" / "python")
    return next(path for path in candidates if path.exists())


@dataclass
class Result:
    """What became of a prompt.

    Attributes:
        outputs: {node id: what it shows}.
        messages: everything the websocket said about it, in order: (type, data).
    """

    prompt_id: str
    outputs: dict
    messages: list[tuple[str, dict]] = field(default_factory=list)

    @property
    def error(self) -> dict | None:
        return next((data for kind, data in self.messages if kind == "execution_error"), None)

    @property
    def interrupted(self) -> bool:
        return any(kind == "execution_interrupted" for kind, _ in self.messages)

    @property
    def executed(self) -> set[str]:
        """Nodes that really ran, not those whose result was kept."""
        return {
            data["node"] for kind, data in self.messages if kind == "executing" and data["node"] is not None
        }

    def texts(self, node: str) -> list[str]:
        """What stood on a node, one after the other."""
        return [data["text"] for kind, data in self.messages if kind == "text" and data["node"] == node]

    def progress(self, node: str) -> list[tuple[float, float]]:
        return [
            (data["value"], data["max"])
            for kind, data in self.messages
            if kind == "progress" and data["node"] == node
        ]


class Refused(Exception):  # noqa: N818 (it is an answer, not a failure)
    """The server did not take a prompt; `node_errors` say why."""

    def __init__(self, answer: dict):
        super().__init__(json.dumps(answer)[:2000])
        self.node_errors = answer.get("node_errors") or {}

    def details(self, node: str) -> str:
        return " ".join(error["details"] for error in self.node_errors[node]["errors"])


class Host:
    """ComfyUI as its own process, in a folder of its own that holds models, inputs and outputs."""

    def __init__(self, comfyui: Path, folder: Path, *options: str):
        self.comfyui, self.folder, self.options = comfyui, folder, options
        self.python = host_python(comfyui)
        self.log = folder / "server.log"
        self._process = None
        for name in ("custom_nodes", "models", "input", "output", "temp", "user"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        link = folder / "custom_nodes" / PACK
        if not link.exists():
            link.symlink_to(ROOT)

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        main = Path(__file__).with_name("dynamic_main.py") if DYNAMIC else "main.py"
        options = ["--cpu", "--port", str(self.port), "--base-directory", str(self.folder)]
        options += ["--disable-auto-launch", "--disable-api-nodes", "--preview-method", "latent2rgb"]
        options += ["--database-url", "sqlite:///:memory:", *self.options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [self.python, main, *options],
                cwd=self.comfyui,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.get("/system_stats")
                self.said_at_start = _COLOUR.sub("", self.log.read_text())
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        raise RuntimeError(f"ComfyUI did not start:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def get(self, path: str) -> dict:
        return json.loads(self.fetch(path))

    def fetch(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as response:
            return response.read()

    def post(self, path: str, content: dict) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=json.dumps(content).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or "{}")

    def listen(self) -> "Listener":
        return Listener(self)

    def run(self, prompt: dict) -> Result:
        """Queues a prompt and waits for its end, whatever that is."""
        with self.listen() as listener:
            return listener.result(listener.queue(prompt))

    def tracebacks(self, since: int = 0) -> list[str]:
        """Those of the pack in the log from a character on; the host's own database leaves some there too."""
        return [found for found in _TRACEBACK.findall(self.log.read_text()[since:]) if PACK in found]

    def input(self, path: Path, name: str | None = None) -> str:
        """Puts a file among the inputs and returns its name there."""
        name = name or path.name
        shutil.copyfile(path, self.folder / "input" / name)
        return name

    def output(self, shown: dict) -> Path:
        """The file behind an entry of a result's outputs."""
        return self.folder / shown["type"] / shown["subfolder"] / shown["filename"]


class Listener:
    """A websocket to the server under a client id of its own."""

    def __init__(self, host: Host):
        self.host = host
        self.client = uuid4().hex
        self._messages: list[tuple[str, dict]] = []

    def __enter__(self) -> "Listener":
        url = f"ws://127.0.0.1:{self.host.port}/ws?clientId={self.client}"
        self._socket = websocket.create_connection(url, timeout=RUN_S)
        return self

    def __exit__(self, *_exception) -> None:
        self._socket.close()

    def queue(self, prompt: dict) -> str:
        """Raises `Refused` where the server finds a mistake."""
        try:
            answer = self.host.post("/prompt", {"prompt": prompt, "client_id": self.client})
        except urllib.error.HTTPError as error:
            raise Refused(json.loads(error.read())) from error
        if answer.get("node_errors"):
            raise Refused(answer)
        return answer["prompt_id"]

    def next(self) -> tuple[str, dict]:
        """The next message; a live preview is ("preview", {"bytes": n}), a node's text ("text", ...)."""
        content = self._socket.recv()
        if isinstance(content, bytes):
            message = _binary(content)
        else:
            parsed = json.loads(content)
            message = (parsed["type"], parsed["data"])
        self._messages.append(message)
        return message

    def until(self, wanted) -> tuple[str, dict]:
        """Waits for the first message for which `wanted(type, data)` holds."""
        while True:
            message = self.next()
            if wanted(*message):
                return message

    def result(self, prompt_id: str) -> Result:
        def ended(kind: str, data: dict) -> bool:
            ends = ("execution_success", "execution_error", "execution_interrupted")
            return kind in ends and data["prompt_id"] == prompt_id

        if not any(ended(*message) for message in self._messages):
            self.until(ended)
        history = {}
        deadline = time.monotonic() + 20
        while prompt_id not in history and time.monotonic() < deadline:
            history = self.host.get(f"/history/{prompt_id}")
        mine = [
            (kind, data) for kind, data in self._messages if data.get("prompt_id", prompt_id) == prompt_id
        ]
        return Result(prompt_id, history[prompt_id]["outputs"], mine)


def _binary(content: bytes) -> tuple[str, dict]:
    """A binary message of ComfyUI's `protocol.BinaryEventTypes`."""
    kind, content = int.from_bytes(content[:4], "big"), content[4:]
    if kind != 3:
        return "preview", {"bytes": len(content)}
    end = 4 + int.from_bytes(content[:4], "big")
    return "text", {"node": content[4:end].decode(), "text": content[end:].decode()}
