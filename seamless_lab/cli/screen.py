"""Standard output and standard error of one command."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import orjson

from seamless_lab.app.placing import placed
from seamless_lab.app.printable import printable, printable_json
from seamless_lab.errors import Fact

if TYPE_CHECKING:
    from seamless_lab.app.render.view import Look, View
    from seamless_lab.app.results import Result

NARROWEST, WIDEST, UNKNOWN_WIDTH = 60, 140, 100


class ReaderGone(Exception):  # no error: head and less close their end when they have seen enough
    """Nobody reads standard output any more."""


class OutputLost(Exception):  # no error of this package's: the disk is full, or the device gone
    """Standard output could not be written."""


@dataclass(slots=True, eq=False)
class Screen:
    """Where a command writes: answers to `out`, everything else to `err`.

    `json`: answers and refusals are one JSON object on `out`. `place`: options that every command shown carries, so
    that it means the same lab when it is copied. `answered`: the one object is out, and what goes wrong after it
    is said on `err`.
    """

    out: TextIO
    err: TextIO
    json: bool
    colored: bool
    static: bool
    place: str = ""
    answered: bool = False

    @classmethod
    def of(cls, out: TextIO | None, err: TextIO | None, environment: Mapping[str, str], *, json: bool) -> Screen:
        """The screen for two streams; colours only on a terminal, and never against `NO_COLOR`.

        Python has None for a stream that was closed before it began; what goes there goes nowhere.
        """
        out = out if out is not None else io.StringIO()
        err = err if err is not None else io.StringIO()
        plain = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
        static = environment.get("SEAMLESS_RENDER", "") == "static"
        return cls(out, err, json, out.isatty() and not plain, static)

    @property
    def live(self) -> bool:
        """Whether progress can move on one line."""
        return self.err.isatty()

    @property
    def width(self) -> int:
        """Characters a line."""
        columns = shutil.get_terminal_size((UNKNOWN_WIDTH, 24)).columns
        return max(NARROWEST, min(WIDEST, columns))

    def look(self) -> Look:
        """How views are shown here."""
        from seamless_lab.app.render.view import Look

        return Look(self.width, color=self.colored, unicode=encodes(self.out, "█▁…"), static=self.static)

    def say(self, text: str) -> None:
        """A line or more on standard output.

        Raises
        ------
        ReaderGone
            Whoever read standard output has closed it; what is written to it from now on is dropped.
        OutputLost
            It cannot be written, and the same.
        """
        safe = text if encodes(self.out, text) else text.encode("ascii", "replace").decode()
        with self._read():
            print(safe, file=self.out, flush=True)

    def note(self, text: str) -> None:
        """A line on standard error."""
        safe = text if encodes(self.err, text) else text.encode("ascii", "replace").decode()
        self.draw(safe + "\n")

    def draw(self, text: str) -> None:
        """Text on standard error as it is; nobody has to read it, so a closed pipe or a full disk stops no work."""
        with suppress(OSError):
            print(text, end="", file=self.err, flush=True)

    def tell(self, view: View | str) -> None:
        """A view or some text, as text."""
        from seamless_lab.app.render import text

        self.say(view if isinstance(view, str) else text.render(view, self.look()))

    def show(self, result: Result) -> None:
        """A result, as text or as JSON."""
        result = result.at(self.place)
        if self.json:
            self._object(result.to_dict())
            return
        self.tell(result.view())

    def refuse(self, code: str, message: str, hint: str, facts: Mapping[str, Fact], exit_code: int) -> int:
        """An error: on standard error in two lines, or as JSON on standard output; gives the exit code back."""
        hint = placed(hint, self.place)
        if self.json and not self.answered:
            try:
                self._object({"error": {"code": code, "message": message, "hint": hint, "facts": dict(facts)}})
                return exit_code
            except ReaderGone:  # the exit code still says it
                return exit_code
            except OutputLost:  # said below, where it can be
                pass
        self.note(f"error[{code}]: {printable(message)}")
        if hint:
            self.note(f"hint: {printable(hint)}")
        return exit_code

    def _object(self, value: Mapping[str, object]) -> None:
        try:
            text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str).decode()
        except TypeError:  # a name that is no UTF-8, of which Python makes lone surrogates
            text = json.dumps(value, default=str, separators=(",", ":"))
        self.answered = True
        with self._read():
            print(printable_json(text), file=self.out, flush=True)

    @contextmanager
    def _read(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # What is left in the buffer must go somewhere, or Python complains when it ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.out.fileno())
            os.close(nowhere)
            if isinstance(error, BrokenPipeError):
                raise ReaderGone from error
            self.answered = True
            raise OutputLost(error.strerror or str(error)) from error


def encodes(stream: TextIO, text: str) -> bool:
    """Whether a stream can carry a text."""
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
