"""What comes of reading a file in a child that may use ten seconds and a gigabyte more than at its start."""

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path

SECONDS = 10
"""Of a processor's time: other tests run beside these."""
PATIENCE = 60
BYTES = 2**30
NEEDS = "needs fork and /proc"
POSSIBLE = os.path.exists("/proc/self/statm")


def outcome(reader: Callable, path: Path | str) -> str:
    """What a child says that reads a file: "read", or the line of its error."""
    for warm in ("keyface_lib.media.video", "keyface_lib.audio", "keyface_lib.clip.emotion_file"):
        __import__(warm)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(reader, path, sender))
    child.start()
    sender.close()
    try:
        assert receiver.poll(PATIENCE), f"still busy after {PATIENCE} s"
        told, seconds = receiver.recv()
    except EOFError:
        raise AssertionError(f"the child died ({child.exitcode})") from None
    finally:
        child.kill()
        child.join()
    assert "TRACEBACK" not in told, told
    assert "\n" not in told
    assert len(told) < 1000
    assert seconds < SECONDS
    return told


def _run(reader: Callable, path: Path | str, sender) -> None:
    import resource
    import warnings

    from keyface_lib.errors import KeyFaceError

    warnings.simplefilter("ignore")
    with open("/proc/self/statm") as status:
        now = int(status.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + BYTES, now + BYTES))
    started = time.process_time()
    try:
        reader(path)
        told = "read"
    except KeyFaceError as error:
        told = str(error)
    except BaseException:
        told = "TRACEBACK " + traceback.format_exc()
    sender.send((told, time.process_time() - started))
