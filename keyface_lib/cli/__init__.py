"""The `keyface` command: one file per command, and `terminal` for what is said.

Nothing here imports torch before the options are known to be right: help and a misspelt path cost no time.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from ..errors import KeyFaceError
from . import animate, convert, emotion, info, init, toyworld, train, work
from .terminal import say, terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status.

    0; 1 for an error told in one line; 2 for options that cannot be read; 130 for Ctrl-C.
    """
    with terminal():
        try:
            options = _parser().parse_args(arguments)
            options.run(options)
        except KeyFaceError as error:
            say(str(error))
            return 1
        except KeyboardInterrupt as interruption:
            say(f"stopped; {interruption}" if str(interruption) else "stopped; nothing was written")
            return 130
    return 0


class Parser(argparse.ArgumentParser):
    """Tells what is wrong in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        shortened = message if len(message) <= 300 else f"{message[:300]}..."
        say(f"{shortened}; see '{self.prog} --help'")
        sys.exit(2)


class Version(argparse.Action):
    """Says the version, which is looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, **keywords):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, **keywords)

    def __call__(self, parser, *_) -> NoReturn:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("keyface")
        except PackageNotFoundError:
            number = "of a folder that is not installed"
        print(f"keyface {number}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="keyface", description="One portrait and one recording become a talking, feeling face."
    )
    parser.add_argument("--version", action=Version, help="say the version")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    animate.add_demo(commands)
    for command in (animate, emotion, init, convert, train, toyworld, info, work):
        command.add(commands)
    return parser
