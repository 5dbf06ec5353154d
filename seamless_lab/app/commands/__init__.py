"""The command table: from it come parsing, help, completion and documentation of terminal and notebook."""

from __future__ import annotations

from seamless_lab.app.command import Command
from seamless_lab.app.commands.acting import ACT
from seamless_lab.app.commands.backtesting import BACKTEST
from seamless_lab.app.commands.comparing import COMPARE
from seamless_lab.app.commands.fetching import FETCH
from seamless_lab.app.commands.looking import LOOK, LOOK_BACK
from seamless_lab.app.commands.pinning import PIN
from seamless_lab.app.commands.querying import SQL
from seamless_lab.app.commands.sealing import SEAL
from seamless_lab.app.commands.setting_up import SET_UP

COMMANDS: tuple[Command, ...] = (FETCH, *LOOK, *ACT, *LOOK_BACK, *COMPARE, *PIN, *SEAL, SQL, BACKTEST, *SET_UP)
"""All commands, in the order in which help lists them."""
