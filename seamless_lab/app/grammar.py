"""The command table as a click program: parsing, help, nearest matches and completion for both front ends."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import click
from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from seamless_lab.app.command import COMMON, Command, Kind, Parameter, Place
from seamless_lab.app.commands import COMMANDS
from seamless_lab.app.completing_files import completing_files
from seamless_lab.core.time import parse_duration
from seamless_lab.errors import InvalidTime, RequestError

WIDTH = 100
MOST_OFFERED = 500
"""Series offered at once: nobody reads more, and the list is built while a person waits."""

_TIMES = ("now", "-1h", "-1d", "-7d", "-30d")
_SELECTORS = ("latest", "lock", "seq:", "sha256:")
_PIN = "pin:"
_DIGITS = re.compile(r"[0-9]{1,18}")  # int() refuses thousands of digits, and ² that str.isdigit() takes for one
_LAST_WORD = re.compile(
    r"""(?: \\(?:.|\Z) | '[^']*' | "(?:\\.|[^"\\])*" | [^\ \t\r\n'"\\] )*
    (?P<open> '[^']*\Z | "(?:\\.|[^"\\])*\\?\Z | )""",
    re.VERBOSE | re.DOTALL,
)

OVERVIEW = """Market data that can vouch for every bar.

A fetch answers with complete, sealed bars, or says exactly what is missing and why."""


class CommandLineError(RequestError):
    """A command line that cannot be read; nothing was done."""

    code = "E-USAGE"


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command line as values: which command, its parameters by name, and the common options."""

    command: Command
    values: Mapping[str, object]
    place: Place
    json: bool
    quiet: bool
    debug: bool


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A line that is being typed: its whole words, and the one at its end as it is written, empty behind a space.

    `open` is the end of that one from the quote on that nothing closes yet; empty without such a quote.
    """

    words: list[str]
    fragment: str
    open: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A text that was asked for instead of a command: help, overview or version."""

    text: str


def parse(words: Sequence[str], *, program: str = "seamless", version: str = "") -> Invocation | Shown:
    """What a command line (without the program's name) asks for.

    Raises
    ------
    CommandLineError
        With the nearest command, option or word.
    """
    root = program_of(version, program=program)
    if not words:
        return Shown(_help(root, program))
    try:
        found = root.main(list(words), prog_name=program, standalone_mode=False)
    except _Asked as asked:
        return Shown(asked.text)
    except click.UsageError as error:
        raise _usage(error, program, words) from error
    assert isinstance(found, Invocation)  # every callback below returns one
    return found


def complete(words: Sequence[str], fragment: str, known: Callable[[], Iterable[str]]) -> list[tuple[str, str]]:
    """Words that may stand in place of `fragment` after the words before it, each with what it is.

    `known` gives the series that are known and the pins (`pin:NAME`); it is called only where one of them may stand.
    """
    root = program_of("", known)
    found = ShellComplete(root, {}, "seamless", "").get_completions(list(words), fragment)
    option = option_part(fragment)
    typed = fragment.removeprefix(option)
    return [(f"{option}{text}", said) for item in found for text, said in _spelled(item, typed)]


def option_part(fragment: str) -> str:
    """The `--option=` with which a word begins; what completes it is the value, without that part."""
    found = re.match(r"--[^=]*=", fragment)
    return found.group() if found else ""


def _spelled(item: CompletionItem, typed: str) -> Iterable[tuple[str, str]]:
    """The words that an item stands for: files are listed here, where a shell would list them itself."""
    match item.type:
        case "file":
            return completing_files(typed, item.value.split())
        case "dir":
            return completing_files(typed, ())
        case _:
            return [(item.value, item.help or "")]


def unfinished(typed: str) -> Unfinished:
    """A line that is being typed, cut into words where `shlex` will cut it."""
    last = next(found for found in _LAST_WORD.finditer(typed) if found.end() == len(typed))
    return Unfinished(split_arg_string(typed[: last.start()]), last.group(), last["open"])


def said_by(fragment: str) -> str:
    """What a word says as far as it is typed, without its quotes and backslashes."""
    return "".join(split_arg_string(fragment))


def program_of(
    version: str = "", known: Callable[[], Iterable[str]] = tuple, *, program: str = "seamless"
) -> click.Group:
    """The table as a click group; its commands return an `Invocation`."""
    options: list[click.Parameter] = [_option(parameter, known) for parameter in COMMON]
    if version:
        options.append(_asking("--version", lambda _: f"seamless {version}", "Show the version."))
    return _Program(
        "seamless",
        params=[*options, _helping()],
        help=OVERVIEW,
        epilog=f"Start with: {program} demo",
        commands={command.name: _click_command(command, known, program) for command in COMMANDS},
        add_help_option=False,
        no_args_is_help=False,
        invoke_without_command=True,
        callback=_without_command,
        context_settings={"max_content_width": WIDTH, "terminal_width": WIDTH},
    )


# -- click objects -------------------------------------------------------------------------------------------------


class _Asked(Exception):
    """Help or version was asked for."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class _Program(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the table's order

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not ctx.resilient_parsing:
            near = ["--help"] if args[0] == "help" else difflib.get_close_matches(args[0], self.commands, cutoff=0.5)
            guess = f"Did you mean {' or '.join(near)}?" if near else f"Commands are {', '.join(self.commands)}."
            raise _Unknown(f"There is no command {args[0]!r}.", guess, ctx)
        return super().resolve_command(ctx, args)


class _Unknown(click.UsageError):
    """A usage error that brings its own hint."""

    def __init__(self, message: str, hint: str, ctx: click.Context | None = None) -> None:
        super().__init__(message, ctx)
        self.hint = hint


def _without_command(**values: object) -> None:
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is None:
        raise _Unknown("The line has options, but no command.", f"Commands are {', '.join(ctx.command.commands)}.", ctx)  # type: ignore[attr-defined]  # it is a _Program
    ctx.obj = values


def _click_command(command: Command, known: Callable[[], Iterable[str]], program: str) -> click.Command:
    def invoke(**values: object) -> Invocation:
        before = click.get_current_context().obj or {}
        common = {parameter.name: values.pop(parameter.name) or before.get(parameter.name) for parameter in COMMON}
        place = Place(*(_text(common[name]) for name in ("home", "config", "exchange_url")))
        return Invocation(command, values, place, bool(common["json"]), bool(common["quiet"]), bool(common["debug"]))

    own: list[click.Parameter] = [
        _argument(parameter, known) if parameter.positional else _option(parameter, known)
        for parameter in command.parameters
    ]
    examples = "\b\nExamples:\n" + "\n".join(f"  {program} {example}" for example in command.examples)
    return click.Command(
        command.name,
        params=[*own, *(_option(parameter, known) for parameter in COMMON), _helping()],
        help=f"{command.summary}\n\n{command.details}",
        short_help=command.summary,
        epilog=examples,
        callback=invoke,
        add_help_option=False,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _argument(parameter: Parameter, known: Callable[[], Iterable[str]]) -> click.Argument:
    name = _metavar(parameter) if parameter.required else f"[{_metavar(parameter).strip('[]')}]"
    return click.Argument(
        [parameter.name],
        type=_Type(parameter, known),
        required=parameter.required,
        nargs=-1 if parameter.repeated else 1,
        metavar=f"{name}..." if parameter.repeated else name,
    )


def _option(parameter: Parameter, known: Callable[[], Iterable[str]]) -> click.Option:
    names = [parameter.option, parameter.name, *([f"-{parameter.short}"] if parameter.short else [])]
    if parameter.kind is Kind.FLAG:
        return click.Option(names, is_flag=True, help=parameter.help)
    return click.Option(
        names,
        type=_Type(parameter, known),
        required=parameter.required,
        multiple=parameter.repeated,
        metavar=_metavar(parameter),
        help=parameter.help,
    )


def _metavar(parameter: Parameter) -> str:
    if parameter.kind is Kind.WORD and parameter.words and not parameter.metavar:
        return "|".join(parameter.words())
    return parameter.metavar or parameter.kind.name


def _helping() -> click.Option:
    return _asking("--help", lambda ctx: _help(ctx.command, ctx.command_path), "Show this.", "-h")


def _asking(name: str, answer: Callable[[click.Context], str], text: str, *short: str) -> click.Option:
    def tell(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            raise _Asked(answer(ctx))

    return click.Option([name, *short], is_flag=True, expose_value=False, is_eager=True, callback=tell, help=text)


def _help(command: click.Command, path: str) -> str:
    with click.Context(command, info_name=path, max_content_width=WIDTH, terminal_width=WIDTH) as ctx:
        return command.get_help(ctx)


class _Type(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.5
    """Reads and completes the values of one parameter."""

    def __init__(self, parameter: Parameter, known: Callable[[], Iterable[str]]) -> None:
        self.name = parameter.kind.name.lower()
        self._parameter = parameter
        self._known = known

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        text = str(value)
        match self._parameter.kind:
            case Kind.WORD:
                return self._word(text)
            case Kind.COUNT:
                if not _DIGITS.fullmatch(text):
                    below = text[:1] == "-" and text[1:].isdigit()
                    what = "is below 0, the least there can be." if below else "is no whole number."
                    raise self._refused(text, what, "Write digits only.")
                return int(text)
            case Kind.DURATION:
                return self._duration(text)
            case Kind.RATIO:
                return self._ratio(text)
            case _:
                if not text.strip():
                    raise self._refused(text, "is empty.", "Leave it out, or give it a value.")
                return text

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Words, and for files one item whose value is the patterns that they match: shells know files better."""
        parameter = self._parameter
        patterns = " ".join(f"*{ending}" for ending in parameter.endings)
        files = [CompletionItem(patterns or "*", type="file")] if patterns or parameter.kind is Kind.FILE else []
        return self._offered(incomplete) + files

    def _offered(self, incomplete: str) -> list[CompletionItem]:
        parameter = self._parameter
        match parameter.kind:
            case Kind.FILE:
                return []
            case Kind.FOLDER:
                return [CompletionItem("*", type="dir")]
            case Kind.NODE | Kind.REF:
                return [CompletionItem(word) for word in self._references(incomplete)]
            case Kind.NAMED_REF:
                name, equals, ref = incomplete.partition("=")
                return [CompletionItem(f"{name}={word}") for word in self._references(ref)] if equals else []
            case Kind.PIN:
                names = (word.removeprefix(_PIN) for word in self._known() if word.startswith(_PIN))
                return [CompletionItem(name) for name in names if name.startswith(incomplete)]
            case Kind.TIME:
                return [CompletionItem(word) for word in _TIMES if word.startswith(incomplete)]
            case _:
                words = parameter.words() if parameter.words else ()
                return [CompletionItem(word) for word in words if word.lower().startswith(incomplete.lower())]

    def _references(self, fragment: str) -> Iterable[str]:
        node, at, selector = fragment.rpartition("@")
        any_ref = self._parameter.kind is not Kind.NODE
        if at and any_ref:
            return [f"{node}@{word}" for word in _SELECTORS if word.startswith(selector)]
        known = (word for word in self._known() if any_ref or not word.startswith(_PIN))
        matching = (word for word in known if word.startswith(fragment))
        return list(islice(matching, MOST_OFFERED)) or _stems(fragment)

    def _word(self, text: str) -> str:
        words = list(self._parameter.words() if self._parameter.words else ())
        wanted = text.strip().replace("-", "_").casefold()
        for word in words:
            if word.casefold().replace("-", "_") == wanted:
                return word
        near = difflib.get_close_matches(wanted, [word.casefold() for word in words], n=1, cutoff=0.5)
        guess = f"Did you mean {next(word for word in words if word.casefold() == near[0])}? " if near else ""
        raise self._refused(text, "is not one of its words.", f"{guess}Write {', '.join(words)}.")

    def _duration(self, text: str) -> int:
        if _DIGITS.fullmatch(text):
            return int(text)
        try:
            return parse_duration(text)
        except InvalidTime as error:
            raise self._refused(text, "is no duration.", "Write whole seconds, or 90s, 5m, 2h, 1d.") from error

    def _ratio(self, text: str) -> float:
        try:
            return float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError as error:
            raise self._refused(text, "is no ratio.", "Write 0.98 or 98%.") from error

    def _refused(self, text: str, what: str, hint: str) -> _Unknown:
        name = self._parameter.metavar if self._parameter.positional else self._parameter.option
        return _Unknown(f"{name}: {text!r} {what}", hint)


def _stems(fragment: str) -> list[str]:
    """What a node id may start with, when no known one does."""
    stems = [f"ohlcv:{exchange}:" for exchange in ("binance", "coinbase", "kraken")]
    return [stem for stem in stems if stem.startswith(fragment)]


def _window_of(ctx: click.Context | None) -> str:
    """How a command is given a window, which it does not take in one piece; empty when it is given none."""
    options = [] if ctx is None else [name for parameter in ctx.command.params for name in parameter.opts]
    return " ".join(f"{name} T" for name in ("--start", "--at", "--end") if name in options)


def _usage(error: click.UsageError, program: str, words: Sequence[str]) -> CommandLineError:
    """Ours, from what click found wrong."""
    named = next((word for word in words if word in {command.name for command in COMMANDS}), "")
    path = error.ctx.command_path if error.ctx is not None else f"{program} {named}".rstrip()
    line_help = f"See: {path} --help"
    match error:
        case _Unknown():
            return CommandLineError(error.message, hint=error.hint)
        case click.NoSuchOption(option_name="--window") if window := _window_of(error.ctx):
            hint = f"A window is two options: {window}"
            return CommandLineError(f"{path} has no option --window.", hint=hint, option=error.option_name)
        case click.NoSuchOption():
            near = [option for option in error.possibilities or () if option.startswith("-")]
            hint = f"Did you mean {' or '.join(sorted(near))}?" if near else line_help
            return CommandLineError(f"{path} has no option {error.option_name}.", hint=hint, option=error.option_name)
        case click.MissingParameter() if error.param is not None:
            name = error.param.opts[0] if isinstance(error.param, click.Option) else str(error.param.metavar)
            return CommandLineError(f"{path} needs {name}.", hint=line_help, parameter=name)
        case click.BadOptionUsage():
            what = "takes no value" if "does not take" in error.message else "needs a value"
            return CommandLineError(f"{error.option_name} {what}.", hint=line_help, option=error.option_name)
    said = error.format_message().rstrip(".")
    return CommandLineError(f"{path}: {said[:1].lower()}{said[1:]}.", hint=line_help)
