"""The command table as a page of documentation."""

from __future__ import annotations

from collections.abc import Iterator

from seamless_lab.app.command import COMMON, Command, Kind, Parameter
from seamless_lab.app.commands import COMMANDS

_INTRODUCTION = """\
# Commands

One table gives the same commands to the terminal (`seamless …`) and to notebooks (`%seamless …`, after
`%load_ext seamless_lab`). This page is made from it by `python scripts/commands_page.py`.

Times are ISO-8601 (without a zone they mean UTC), `2024`, `2024-03`, `2024-W09`, epoch seconds, `now`, or `-7d`.
Windows are half-open: `--end` is the first moment not wanted.

Exit codes: 0 the answer is accepted (PARTIAL too, where the strategy accepts it), 1 the data or the policy says no,
2 usage or configuration, 3 what was sealed, pinned or received cannot be verified here, 130 stopped. Progress goes to
standard error.

With `--json`, standard output is one JSON object, for an error `{"error": {"code", "message", "hint", "facts"}}`;
help and the version are text all the same.
A moment is text, RFC 3339 in UTC: `"2024-01-01T00:00:00Z"`, with milliseconds where it says when something was
known. A range is `[first moment, first moment after it]`. Numbers of time name their unit: `max_ms`, `step_s`. A digest
is its 64 hexadecimal digits; `sha256:` stands before it in references (`NODE@sha256:…`). What is absent is `null`.
"""

_NOTEBOOK = """\
## In notebooks

| write | to |
|---|---|
| `x = %seamless fetch …` | keep the result; `x.frame` has the bars |
| `%seamless x << fetch …` | the same, showing nothing |
| `%%seamless` | run a command on each line, showing each result; `#` begins a comment, `\\` at the end goes on |
| `%%seamless sql --pin btc=pin:btc` | query pinned bars; the rest of the cell is the query, taken as it is |
| `$name`, `{{expression}}` | put in a Python value: a list gives several words, a result its reference |
| `$$` | write a dollar sign |
| `%seamless … ;` | show nothing |
| `%seamless?`, `%seamless fetch?`, `%seamless fetch -h` | read the help |
| `%seamless sandbox` | move this kernel's lab to a synthetic market, with a temporary home |
| `seamless_lab.lab()` | get at the `Lab` that `%seamless` uses |
| `%config SeamlessMagics.full_tracebacks = True` | see errors with their traceback |
"""

_SHELLS = """\
## Completion in the shell

    eval "$(_SEAMLESS_COMPLETE=bash_source seamless)"     # bash, in ~/.bashrc
    eval "$(_SEAMLESS_COMPLETE=zsh_source seamless)"      # zsh, in ~/.zshrc
    _SEAMLESS_COMPLETE=fish_source seamless | source      # fish, in ~/.config/fish/completions/seamless.fish
"""


def page() -> str:
    """All commands in Markdown."""
    common = "\n".join(_lines(COMMON))
    parts = [_INTRODUCTION, f"Every command takes, also before its name:\n\n{common}\n"]
    parts += [_section(command) for command in COMMANDS]
    return "\n".join([*parts, _NOTEBOOK, _SHELLS])


def _section(command: Command) -> str:
    positional = [_place(parameter) for parameter in command.parameters if parameter.positional]
    usage = " ".join(["seamless", command.name, *positional])
    lines = [f"## {command.name}", "", command.summary, "", command.details, "", f"`{usage} [options]`", ""]
    if command.parameters:
        lines += [*_lines(command.parameters), ""]
    return "\n".join([*lines, *(f"    seamless {example}" for example in command.examples), ""])


def _place(parameter: Parameter) -> str:
    name = parameter.metavar if parameter.required else f"[{parameter.metavar.strip('[]')}]"
    return f"{name}..." if parameter.repeated else name


def _lines(parameters: tuple[Parameter, ...]) -> Iterator[str]:
    yield "| option | |"
    yield "|---|---|"
    for parameter in parameters:
        required = " Required." if parameter.required and not parameter.positional else ""
        yield f"| {_name(parameter)} | {parameter.help}{required} |".replace("[show|validate]", "[show\\|validate]")


def _name(parameter: Parameter) -> str:
    if parameter.positional:
        return f"`{parameter.metavar}`"
    short = f"`-{parameter.short}`, " if parameter.short else ""
    if parameter.kind is Kind.FLAG:
        return f"{short}`{parameter.option}`"
    if parameter.kind is Kind.WORD and parameter.words:
        return f"{short}`{parameter.option}` {', '.join(f'`{word}`' for word in parameter.words())}"
    return f"{short}`{parameter.option} {parameter.metavar or parameter.kind.name}`"
