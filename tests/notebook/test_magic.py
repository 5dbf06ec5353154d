"""`%seamless` in a real IPython shell, over a real lab and a sandbox exchange."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

import seamless_lab
from seamless_lab.app.command import Place
from seamless_lab.app.grammar import Unfinished, unfinished
from seamless_lab.app.reads import CURRENT_CELL, NO_CELL
from seamless_lab.app.results import ArtifactList, FetchResult, Rendered
from seamless_lab.errors import RequestError
from seamless_lab.notebook.expand import words
from seamless_lab.notebook.failure import CommandFailed, in_notebook
from seamless_lab.notebook.question import asks_for_help
from seamless_lab.notebook.session import SESSION

IN_MEMORY = Config({"HistoryManager": {"hist_file": ":memory:"}})
NODE = "ohlcv:binance:BTC/USDT:1h"
FETCH = f"%seamless fetch {NODE} --start 2024-03-01 --end 2024-03-08"


@pytest.fixture(scope="module")
def loaded() -> Iterator[InteractiveShell]:
    shell = InteractiveShell(config=IN_MEMORY)
    seamless_lab.load_ipython_extension(shell)
    ran(shell, "%seamless sandbox --symbols 20")
    yield shell
    seamless_lab.unload_ipython_extension(shell)


@pytest.fixture
def shell(loaded: InteractiveShell) -> InteractiveShell:
    return loaded


def ran(shell: InteractiveShell, cell: str) -> object:
    """What a cell shows, its error raised."""
    with capture_output():
        outcome = shell.run_cell(cell, store_history=True)
    outcome.raise_error()
    return outcome.result


def failed(shell: InteractiveShell, cell: str) -> CommandFailed:
    with capture_output():
        outcome = shell.run_cell(cell)
    assert isinstance(outcome.error_in_exec, CommandFailed), outcome
    return outcome.error_in_exec


def test_a_command_gives_its_result(shell: InteractiveShell) -> None:
    result = ran(shell, FETCH)
    assert isinstance(result, FetchResult)
    assert (result.rows, result.exit_code) == (168, 0)
    assert "<script" not in result._repr_html_()


def test_assignment_and_binding(shell: InteractiveShell) -> None:
    assert ran(shell, f"x = {FETCH}") is None
    assert ran(shell, f"%seamless y << {FETCH.removeprefix('%seamless ')}") is None
    assert shell.user_ns["x"].content == shell.user_ns["y"].content


def test_a_cell_runs_a_command_a_line_and_gives_the_last(shell: InteractiveShell) -> None:
    cell = (
        f"%%seamless\n# the bars first\nfetch {NODE} \\\n   --start 2024-03-01 --end 2024-03-08\n\nartifacts {NODE}\n"
    )
    assert isinstance(ran(shell, cell), ArtifactList)


def test_the_set_up_shown_is_that_of_the_kernels_lab(shell: InteractiveShell) -> None:
    doctor, config = ran(shell, "%seamless doctor"), ran(shell, "%seamless config --changed")
    home = SESSION.lab().wiring.home.root
    assert [str(home) in repr(doctor), str(home) in repr(config)] == [True, True]


def test_a_hint_names_the_place_of_its_line(shell: InteractiveShell, tmp_path: Path) -> None:
    error = failed(shell, f"%seamless coverage {NODE} --home {tmp_path}")
    assert f"%seamless fetch --home {tmp_path} {NODE}" in "\n".join(error._render_traceback_())


def test_a_result_names_the_place_of_its_line(shell: InteractiveShell, tmp_path: Path) -> None:
    url, window = SESSION.resolved(Place()).exchange_url, "--start 2024-03-01 --end 2024-03-09"
    place = f"--home {tmp_path / 'other'} --exchange-url {url}"
    repair = f"seamless backfill {NODE} --start 2024-03-08T00:00Z --end 2024-03-09T00:00Z"
    ran(shell, f"{FETCH} {place}")
    for command in ("gaps", "coverage"):
        result = ran(shell, f"%seamless {command} {NODE} {window} {place}")
        assert isinstance(result, Rendered)
        assert result.to_text().count(f"{repair} {place}") == 1
        assert f"%{repair} {place}" in result._repr_html_()
    facts = ran(shell, f"%seamless gaps {NODE} {window} {place} --json")
    assert isinstance(facts, dict)
    assert facts["gaps"][0]["repair"] == f"{repair} {place}"
    ran(shell, FETCH)
    plain = ran(shell, f"%seamless gaps {NODE} {window}")
    assert repair in repr(plain)
    assert "--home" not in repr(plain), "the kernel's lab, which nobody named"


def test_a_cell_shows_each_result_and_takes_names_from_the_lines_above(shell: InteractiveShell) -> None:
    fetch = f"fetch {NODE} --start 2024-03-01 --end 2024-03-08"
    with capture_output() as shown:
        shell.run_cell(f"%%seamless\n{fetch}\nk << {fetch}\n{fetch};\ncoverage {NODE}\nmanifest $k").raise_error()
    badges = ("PASS", "complete", "the first version")
    assert [shown.stdout.count(badge) for badge in badges] == [1, 1, 1], "one result bound, one silenced"
    assert sorted(map(shown.stdout.index, badges)) == list(map(shown.stdout.index, badges))


def test_json_gives_a_dict_and_a_semicolon_is_no_argument(shell: InteractiveShell) -> None:
    facts = ran(shell, f"{FETCH} --json")
    assert isinstance(facts, dict)
    assert facts["verdict"] == "PASS"
    ran(shell, f"z = {FETCH};")
    assert shell.user_ns["z"].rows == 168
    with capture_output() as shown:
        shell.run_cell(f"{FETCH};", store_history=True).raise_error()
    assert not shown.stdout
    assert not shown.outputs


def test_values_come_in_from_python(shell: InteractiveShell) -> None:
    ran(shell, "import datetime\nday = datetime.date(2024, 3, 1)\nsymbol = 'BTC/USDT'")
    result = ran(
        shell, "%seamless fetch ohlcv:binance:$symbol:1h --start $day --end {{day + datetime.timedelta(days=7)}}"
    )
    assert isinstance(result, FetchResult)
    shell.user_ns["bars"] = result
    again = ran(shell, "%seamless fetch $bars --start $day --domain research")
    assert isinstance(again, FetchResult)
    assert again.fingerprint == result.fingerprint


def test_values_come_in_from_the_function_that_runs_the_line(shell: InteractiveShell) -> None:
    ran(shell, f"def within(when):\n    %seamless got << fetch {NODE} --start $when\n    return got.rows")
    assert ran(shell, "within('2024-03-01')") == 24


@pytest.mark.parametrize(
    "cell, code, said",
    [
        (f"%seamless fetch {NODE} --start $dayy", "E-NAME", "'dayy'"),
        (f"%seamless fetch {NODE} --start {{{{1 / 0}}}}", "E-NAME", "ZeroDivisionError"),
        ("%seamless fetch 'x", "E-REQUEST", "quotation"),
        ("%seamless fetsh x", "E-USAGE", "Did you mean fetch?"),
        (f"%seamless class << {FETCH.removeprefix('%seamless ')}", "E-USAGE", "keyword"),
        ("%seamless z <<", "E-USAGE", "Nothing stands behind z <<"),
        (f"%seamless fetch {NODE} --start 2024-03 --domain research", "E-NO", "version"),
        ("%seamless fetch ohlcv:binance:BTX/USDT:1h --start 2024-03", "E-MARKET", "BTC/USDT"),
        (f"%seamless coverage {NODE.replace('1h', '4h')}", "E-NOT-FOUND", "%seamless fetch"),
    ],
)
def test_errors_are_our_own_in_two_lines_with_the_cause_behind(
    shell: InteractiveShell, cell: str, code: str, said: str
) -> None:
    error = failed(shell, cell)
    lines = error._render_traceback_()
    assert len(lines) <= 2
    assert lines[0].startswith(f"error[{code}")
    assert said in "\n".join(lines)
    assert error.__cause__ is error.error


def test_an_error_commands_no_terminal() -> None:
    lines = CommandFailed(RequestError("a\x1b]0;b\x07", hint="c\x9bd"))._render_traceback_()
    assert lines == ["error[E-REQUEST]: a\ufffd]0;b\ufffd", "hint: c\ufffdd"]


def test_full_tracebacks_raise_the_error_itself(shell: InteractiveShell) -> None:
    ran(shell, "%config SeamlessMagics.full_tracebacks = True")
    with capture_output():
        outcome = shell.run_cell("%seamless fetsh")
    ran(shell, "%config SeamlessMagics.full_tracebacks = False")
    assert type(outcome.error_in_exec).__name__ == "CommandLineError"


def test_help_is_printed_and_the_magic_is_documented(shell: InteractiveShell) -> None:
    with capture_output() as shown:
        shell.run_cell("%seamless fetch -h").raise_error()
    assert "Usage: %seamless fetch" in shown.stdout
    documented = shell.find_line_magic("seamless").__doc__
    assert documented is not None
    assert "$name" in documented


@pytest.mark.parametrize(
    "cell", ["%seamless fetch?", " %seamless fetch ??\n", "%seamless z << fetch?", "z = %seamless fetch ?"]
)
def test_a_question_mark_behind_a_command_shows_its_help(shell: InteractiveShell, cell: str) -> None:
    with capture_output() as shown:
        shell.run_cell(cell).raise_error()
    assert "Usage: %seamless fetch" in shown.stdout


def test_a_question_mark_in_place_of_a_command_shows_them_all(shell: InteractiveShell) -> None:
    with capture_output() as shown:
        shell.run_cell("%seamless ?").raise_error()
    assert "backfill" in shown.stdout


def test_a_question_mark_inside_a_text_stays(shell: InteractiveShell) -> None:
    ran(shell, 'asked = """\n%seamless fetch?\n"""')
    assert shell.user_ns["asked"] == "\n%seamless fetch?\n"


def completed(shell: InteractiveShell, text: str) -> list[str]:
    with provisionalcompleter():
        found = list(shell.Completer.completions(text, len(text)))
    return [text[: item.start] + item.text for item in found]


def test_completion_of_lines_and_cells(shell: InteractiveShell) -> None:
    ran(shell, FETCH)
    deadline = time.monotonic() + 60
    while NODE not in SESSION.known():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert completed(shell, "%seamless fet") == ["%seamless fetch"]
    assert completed(shell, "%seamless fetch ohlcv:binance:BTC/") == [f"%seamless fetch {NODE}"]
    assert completed(shell, f"x = %seamless fetch {NODE}@la") == [f"x = %seamless fetch {NODE}@latest"]
    assert completed(shell, "%seamless y << fetch n --domain l") == ["%seamless y << fetch n --domain live"]
    assert completed(shell, "%%seamless sql --pin b=ohlcv:binance:BTC/") == [f"%%seamless sql --pin b={NODE}"]
    assert not [text for text in completed(shell, "%%seamless sql --pin b=-") if "b=--" in text]
    assert completed(shell, "%%seamless sql --pin 'b=ohlcv:binance:BTC/") == [f"%%seamless sql --pin 'b={NODE}"]
    assert completed(shell, '%seamless fetch "ohlcv:binance:BTC/') == [f'%seamless fetch "{NODE}']
    for unknown in ("%seamless fetch ohlcv:nowhere:B", "%%seamless sql\nSELECT 1 WHERE s = 'BT", '%seamless sql "sel'):
        assert completed(shell, unknown) == [unknown]
    assert completed(shell, "%%seamless sql --thr") == ["%%seamless sql --threads"]
    assert completed(shell, "%%seamless\nfetch n --st") == [
        "%%seamless\nfetch n --start",
        "%%seamless\nfetch n --strategy",
    ]


def test_variables_alone_complete_behind_a_dollar(shell: InteractiveShell) -> None:
    ran(shell, "import os as daylight\nday, days_back, _day = '2024-03-01', '-7d', 0\ndef daily(): pass")
    offered = [f"%seamless fetch {NODE} --start $da{rest}" for rest in ("y", "ys_back")]
    assert completed(shell, f"%seamless fetch {NODE} --start $da") == offered
    assert completed(shell, "%%seamless\nfetch ohlcv:binance:$days_") == ["%%seamless\nfetch ohlcv:binance:$days_back"]
    everything = completed(shell, "%seamless fetch $")
    assert "%seamless fetch $day" in everything
    assert not {"%seamless fetch $print", "%seamless fetch $In", "%seamless fetch print"} & set(everything)


def test_files_complete_in_a_line(shell: InteractiveShell, tmp_path, monkeypatch) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "study.ipynb").touch()
    (tmp_path / "my study.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    assert completed(shell, "%seamless lock --check st") == [
        "%seamless lock --check studies/",
        "%seamless lock --check study.ipynb",
    ]
    assert completed(shell, "%seamless receipt my") == ["%seamless receipt 'my study.ipynb'"]
    assert completed(shell, "%seamless receipt --out=stud") == ["%seamless receipt --out=studies/"]


@pytest.mark.parametrize(
    "typed, offered",
    [
        ("'it", """'it'"'"'s.ipynb"""),
        ('"it', "\"it's.ipynb"),
        ("it", """'it'"'"'s.ipynb'"""),
        ('"dq', '"dq\\".ipynb'),
        ("back", "'back\\slash.ipynb'"),
        ('"back', '"back\\\\slash.ipynb'),
        ('"my b', '"my books/'),
        ('"my books/', '"my books/q1.ipynb'),
        ("my", "'my books/"),
        ("my\\ b", "'my books/"),
        ("'my books'/", "'my books/q1.ipynb'"),
        ("my' b", "my' books/"),
        ("us", "us$$d.ipynb"),
        ("us$$d", "us$$d.ipynb"),
        ('"{{', '"{""{""{x}}}.ipynb'),
        ("{", "'{''{''{x}}}.ipynb'"),
        ('"a b', '"a b'),
    ],
)
def test_a_file_completes_to_what_means_it(
    shell: InteractiveShell, tmp_path, monkeypatch, typed: str, offered: str
) -> None:
    (tmp_path / "my books").mkdir()
    files = ["it's.ipynb", 'dq".ipynb', "back\\slash.ipynb", "us$d.ipynb", "{{{x}}}.ipynb", "my books/q1.ipynb"]
    for name in [*files, "two\nlines.ipynb"]:
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    for option in ("--check ", "--check="):
        line = f"%seamless lock {option}"
        found = completed(shell, line + typed)
        whole = found[0].removeprefix("%seamless lock ") + unfinished(found[0]).open[:1]
        assert len(found) == 1
        if option == "--check ":
            assert found == [line + offered]
        if offered.rstrip("'\"").endswith(".ipynb"):
            assert words(whole, {})[-1].removeprefix("--check=") in files


def test_a_new_word_begins_behind_a_closed_quote_only() -> None:
    assert unfinished("") == Unfinished([], "", "")
    assert unfinished("lock ") == Unfinished(["lock"], "", "")
    assert unfinished("a 'b c' \\'d") == Unfinished(["a", "b c"], "\\'d", "")
    assert unfinished("a 'b c' d") == Unfinished(["a", "b c"], "d", "")
    assert unfinished("a --b='c \" d") == Unfinished(["a"], "--b='c \" d", "'c \" d")
    assert unfinished('a "b\\" c') == Unfinished(["a"], '"b\\" c', '"b\\" c')
    assert unfinished('a "b\\') == Unfinished(["a"], '"b\\', '"b\\')
    assert unfinished("a b\\") == Unfinished(["a"], "b\\", "")


def test_completion_leaves_other_lines_alone(shell: InteractiveShell) -> None:
    ran(shell, "seamlessly = 1")
    assert "seamlessly" in completed(shell, "seamles")


def test_loading_twice_and_unloading_twice_is_harmless() -> None:
    shell = InteractiveShell(config=IN_MEMORY)
    for _ in range(2):
        seamless_lab.load_ipython_extension(shell)
    assert sum(getattr(found, "matcher_identifier", "") == "seamless" for found in shell.Completer.custom_matchers) == 1
    # The session is the kernel's, and other tests use it: take away what belongs to this shell only.
    held, SESSION.close = SESSION.close, lambda: None
    try:
        for _ in range(2):
            seamless_lab.unload_ipython_extension(shell)
    finally:
        SESSION.close = held
    assert CURRENT_CELL.get() == NO_CELL, "what is read from here on is no cell's"
    assert shell.find_line_magic("seamless") is None
    assert not shell.Completer.custom_matchers
    assert asks_for_help not in shell.input_transformer_manager.cleanup_transforms


def test_the_lab_behind_the_magic_can_be_had(shell: InteractiveShell) -> None:
    ran(shell, FETCH)
    assert NODE in seamless_lab.lab().nodes()


def test_hints_are_written_as_magics() -> None:
    assert in_notebook("Fetch it: seamless fetch X") == "Fetch it: %seamless fetch X"
    assert (
        in_notebook("the seamless lab, ./seamless fetch, %seamless fetch")
        == "the seamless lab, ./seamless fetch, %seamless fetch"
    )
