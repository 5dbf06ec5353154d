"""Completion of `%seamless` lines and `%%seamless` cells."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable

from IPython.core.completer import (
    CompletionContext,
    MatcherAPIv2,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from seamless_lab.app.completing_files import FILE, FOLDER
from seamless_lab.app.grammar import complete, unfinished

_LINE = re.compile(r"^\s*(?:(?:[A-Za-z_][\w.]*\s*=\s*)?%|%%)seamless\s+(?:[A-Za-z_]\w*\s*<<\s*)?(?P<typed>.*)$")
_CELL = re.compile(r"^\s*%%seamless\b")
_NAME = re.compile(r"(?<!\$)(?:\$\$)*(?P<name>\$\w*)$")


def make_matcher(known: Callable[[], Iterable[str]], variables: Callable[[], Iterable[str]]) -> MatcherAPIv2:
    """A matcher for IPython's completer; `known` gives the series known, without waiting for anything.

    `variables` are the names offered behind a `$`; IPython's own completion would take seconds there.
    """

    @context_matcher(identifier="seamless")  # type: ignore[untyped-decorator]  # IPython's has no types
    def seamless(context: CompletionContext) -> SimpleMatcherResult:
        typed = _typed(context)
        if typed is None:
            return SimpleMatcherResult(completions=[], suppress=False)
        if name := _NAME.search(typed):
            return _offered(name["name"], variables())
        words, fragment = unfinished(typed)
        quote = fragment[:1] if fragment[:1] in ("'", '"') else ""
        found = [
            SimpleCompletion(f"{quote}{text}" if quote else _quoted(text), type=_type(text, said, words))
            for text, said in complete(words, fragment.removeprefix(quote), known)
        ]
        if fragment and not found:  # IPython would offer names of Python's
            found = [SimpleCompletion(fragment)]
        return SimpleMatcherResult(completions=found, matched_fragment=fragment, suppress=bool(found), ordered=True)

    matcher: MatcherAPIv2 = seamless
    return matcher


def _offered(fragment: str, variables: Iterable[str]) -> SimpleMatcherResult:
    found = [f"${name}" for name in variables if f"${name}".startswith(fragment)]
    return SimpleMatcherResult(
        completions=[SimpleCompletion(name, type="instance") for name in found],
        matched_fragment=fragment,
        suppress=bool(found),
        ordered=True,
    )


def _typed(context: CompletionContext) -> str | None:
    """What stands between `%seamless`, or `%%seamless` in its own line, and the cursor; None elsewhere."""
    before = context.text_until_cursor
    first = context.full_text.lstrip().partition("\n")[0]
    if _CELL.match(first) and context.cursor_line > 0:
        return before.lstrip()
    found = _LINE.match(before)
    return found["typed"] if found else None


def _quoted(text: str) -> str:
    """A word as a line takes it: only files have characters that need quotes."""
    return text if not re.search(r"[\s'\"\\]", text) else shlex.quote(text)


def _type(text: str, said: str, words: list[str]) -> str:
    """What JupyterLab shows beside a completion."""
    if said in (FILE, FOLDER):
        return said
    if text.startswith("-"):
        return "option"
    if "@" in text:
        return "version"
    return "series" if ":" in text else "value" if words else "command"
