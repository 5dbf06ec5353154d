"""Completion for bash, zsh and fish.

`eval "$(_SEAMLESS_COMPLETE=bash_source seamless)"` (or `zsh_source`; `… fish_source seamless | source`) switches it on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import ClassVar

from click.shell_completion import BashComplete, ShellComplete, get_completion_class, split_arg_string

from seamless_lab.app.command import Place
from seamless_lab.app.grammar import program_of
from seamless_lab.errors import SeamlessError

VARIABLE = "_SEAMLESS_COMPLETE"

# Bash cuts words at the colons of a node id. So the whole line is passed on, and the part of each answer up to the last
# colon typed is cut off again, as Bash expects.
_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}" typed="${COMP_LINE:0:COMP_POINT}" type value
    typed="${typed##*[[:space:]]}"
    local cut=""
    if [[ "$COMP_WORDBREAKS" == *:* && "$typed" == *:* ]]; then cut="${typed%%:*}:"; fi
    COMPREPLY=()
    for completion in $(env COMP_WORDS="$line" %(complete_var)s=bash_complete $1); do
        IFS=',' read -r type value <<< "$completion"
        if [[ $type == 'dir' ]]; then compopt -o dirnames
        elif [[ $type == 'file' ]]; then compopt -o default
        else COMPREPLY+=("${value#"$cut"}")
        fi
    done
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:@] ]]; then compopt -o nospace; fi
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Bash(BashComplete):
    source_template: ClassVar[str] = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        if line[-1:].isspace() or not words:
            return words, ""
        return words[:-1], words[-1]


def answer(environment: Mapping[str, str]) -> int | None:
    """Answer a shell that asks for completions or for its script; None when no shell asks."""
    asked = environment.get(VARIABLE)
    if asked is None:
        return None
    shell, _, what = asked.partition("_")
    kind: type[ShellComplete] | None = _Bash if shell == "bash" else get_completion_class(shell)
    if kind is None or what not in ("source", "complete"):
        return 1
    completer = kind(program_of("", _known), {}, "seamless", VARIABLE)
    print(completer.source() if what == "source" else completer.complete())
    return 0


def _known() -> Iterable[str]:
    """The series and pins of this home; nothing where it cannot be read, for a shell that completes shows no errors."""
    from seamless_lab.app.opening import open_lab

    try:
        with open_lab(Place()) as lab:
            return list(lab.known())
    except SeamlessError:
        return ()
