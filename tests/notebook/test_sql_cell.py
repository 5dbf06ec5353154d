"""`%%seamless sql`: the cell is the query."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import seamless_lab
from seamless_lab.app.sql.result import SqlResult
from seamless_lab.notebook.failure import CommandFailed
from tests.notebook.test_magic import IN_MEMORY
from tests.sealed_market import seal, walk


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    home = tmp_path_factory.mktemp("cells") / "home"
    made = InteractiveShell(config=IN_MEMORY)
    seamless_lab.load_ipython_extension(made)
    made.user_ns |= {"home": str(home), "btc": seal(home, "BTC/USDT", walk(120, 3_600, 1))}
    yield made
    seamless_lab.unload_ipython_extension(made)


def ran(shell: InteractiveShell, cell: str) -> object:
    with capture_output():
        outcome = shell.run_cell(cell, store_history=True)
    outcome.raise_error()
    return outcome.result


def test_the_cell_is_the_query_and_its_line_the_options(shell: InteractiveShell) -> None:
    query = "-- a comment\nSELECT count(*) AS n,\n  '$home {{x}} -- #' AS t\nFROM btc;\n"
    result = ran(shell, f"%%seamless sql --home $home --pin btc=$btc\n{query}")
    assert isinstance(result, SqlResult)
    assert result.frame.rows() == [(120, "$home {{x}} -- #")]


def test_a_result_is_bound_and_a_long_line_goes_on(shell: InteractiveShell) -> None:
    cell = "%%seamless daily << sql --home $home \\\n  --pin btc=$btc\nFROM resample(btc, '1d') ORDER BY ts"
    assert ran(shell, cell) is None
    assert shell.user_ns["daily"].rows == 5
    assert shell.user_ns["daily"].ordered


def test_a_wrong_query_fails_in_two_lines(shell: InteractiveShell) -> None:
    with capture_output():
        outcome = shell.run_cell("%%seamless sql --home $home --pin btc=$btc\nSELECT *\nFROM read_csv('/etc/passwd')")
    assert isinstance(outcome.error_in_exec, CommandFailed)
    lines = outcome.error_in_exec._render_traceback_()
    assert lines[0] == "error[E-SQL-REFUSED]: read_csv() is no table of a sealed query (line 2, column 6)."
    assert len(lines) == 2
