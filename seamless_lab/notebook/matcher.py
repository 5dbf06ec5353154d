"""Completion of `%seamless` lines and `%%seamless` cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from IPython.core.completer import (
    CompletionContext,
    MatcherAPIv2,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from seamless_lab.app.completing_files import FILE, FOLDER
from seamless_lab.app.grammar import Unfinished, complete, said_by, unfinished

_LINE = re.compile(r"^\s*(?:(?:[A-Za-z_][\w.]*\s*=\s*)?%|%%)seamless\s+(?:[A-Za-z_]\w*\s*<<\s*)?(?P<typed>.*)$")
_CELL = re.compile(r"^\s*%%seamless\b")
_NEEDS_QUOTES = re.compile(r"[\s'\"\\]|\{\{")
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
        line = unfinished(typed)
        written = _spelling(line)
        found = [
            SimpleCompletion(written(text, said), type=_type(text, said, line.words))
            for text, said in complete(line.words, _meant(line.fragment), known)
            if len(text.splitlines()) == 1  # a line holds no file of another name
        ]
        if line.fragment and not found:  # IPython would offer names of Python's
            found = [SimpleCompletion(line.fragment)]
        return SimpleMatcherResult(
            completions=found,
            matched_fragment=line.fragment,
            suppress=bool(found),
            ordered=True,
        )

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


def _meant(written: str) -> str:
    return said_by(written).replace("$$", "$")


def _spelling(line: Unfinished) -> Callable[[str, str], str]:
    """How the line takes a word, and what it is, at its end. A quote that was open stays open."""
    quote, before = line.open[:1], line.fragment.removesuffix(line.open)
    if not quote:
        return _with_quotes_if_needed
    meant = _meant(before)

    def behind_the_quote(text: str, _: str) -> str:
        if not text.startswith(meant):  # words are found in any case
            return f"{quote}{_inside(quote, text)}"
        return f"{before}{quote}{_inside(quote, text[len(meant) :])}"

    return behind_the_quote


def _with_quotes_if_needed(text: str, said: str) -> str:
    if not _NEEDS_QUOTES.search(text):  # only files do
        return text.replace("$", "$$")
    inside = _inside("'", text)
    return f"'{inside}" if said == FOLDER else f"'{inside}'"  # a file in the folder follows


def _inside(quote: str, text: str) -> str:
    """A text between quotes of this kind, in which no value is put."""
    text = text.replace("$", "$$")
    text = text.replace("'", "'\"'\"'") if quote == "'" else text.replace("\\", "\\\\").replace('"', '\\"')
    while "{{" in text:  # no backslash hides it: an end and a beginning of quotes come in between
        text = text.replace("{{", f"{{{quote}{quote}{{")
    return text


def _type(text: str, said: str, words: list[str]) -> str:
    """What JupyterLab shows beside a completion."""
    if said in (FILE, FOLDER):
        return said
    if text.startswith("-"):
        return "option"
    if "@" in text:
        return "version"
    return "series" if ":" in text else "value" if words else "command"
