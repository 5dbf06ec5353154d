"""One command line, from its words to its exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from types import FrameType

from seamless_lab import __version__
from seamless_lab.app.grammar import Invocation, Shown, parse
from seamless_lab.cli import shells
from seamless_lab.cli.running import TerminalCall
from seamless_lab.cli.screen import OutputLost, ReaderGone, Screen
from seamless_lab.errors import Interrupted, SeamlessError

UNEXPECTED, LOST = "E-UNEXPECTED", "E-OUTPUT"


def carry_out(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line (by default the process's own); the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if (completed := shells.answer(os.environ)) is not None:
        return completed
    screen = Screen.of(sys.stdout, sys.stderr, os.environ, json="--json" in words)
    debug = "--debug" in words
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _carry_out(words, screen)
    except SeamlessError as error:
        if debug:
            screen.note(traceback.format_exc().rstrip())
        return screen.refuse(error.code, error.message, error.hint, error.facts, error.exit_code)
    except KeyboardInterrupt:
        return screen.refuse(Interrupted.code, "Stopped.", "", {}, Interrupted.exit_code)
    except ReaderGone:  # head or less has seen enough
        return 0
    except OutputLost as error:
        said = f"Standard output could not be written: {error}."
        return screen.refuse(LOST, said, "Send it to another place, and run it again.", {}, 1)
    except SystemExit:
        raise
    except BaseException as error:  # the outermost boundary, for panics of polars too, which are no Exception:
        # a defect becomes one line, everything with --debug
        if debug:
            screen.note(traceback.format_exc().rstrip())
        message = f"{type(error).__name__}: {error}"
        return screen.refuse(UNEXPECTED, message, "This is a defect. Run it again with --debug to see where.", {}, 1)


def _carry_out(words: Sequence[str], screen: Screen) -> int:
    asked = parse(words, version=__version__)
    if isinstance(asked, Shown):
        screen.say(asked.text)
        return 0
    screen.place = asked.place.options()
    with TerminalCall(asked, screen) as call:
        return _run(asked, call, screen)


def _run(asked: Invocation, call: TerminalCall, screen: Screen) -> int:
    call.progress.begin(asked)
    try:
        result = asked.command.run(call, **asked.values)
    finally:
        call.progress.clear()
    try:
        try:
            screen.show(result)
        except ReaderGone:
            return result.exit_code  # the verdict is one also when nobody reads its reasons to their end
        if (path := asked.values.get("out")) is not None:
            screen.note(f"wrote {path}" if result.exit_code == 0 else f"not written: {path} (the answer is refused)")
        call.linger()
    except KeyboardInterrupt:
        if call.serving:
            return 0  # that is how an exchange is stopped
        raise
    finally:
        call.progress.finish()
    return result.exit_code


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM ends a command as Ctrl-C does: connections closed, leases given back."""
    raise KeyboardInterrupt
