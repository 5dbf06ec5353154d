"""Completion for bash, zsh and fish.

`eval "$(_SEAMLESS_COMPLETE=bash_source seamless)"` (or `zsh_source`; `… fish_source seamless | source`) switches it on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import ClassVar

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    split_arg_string,
)

from seamless_lab.app.command import Place
from seamless_lab.app.grammar import option_part, program_of
from seamless_lab.errors import SeamlessError

VARIABLE = "_SEAMLESS_COMPLETE"

# The program answers with words, and for files with the patterns that they match, since a shell knows best how it lists
# and quotes files. The scripts differ from click's in that, and in that nothing is put behind a `:` or `@`, where more
# of a reference follows.

# Bash cuts words behind colons and equals signs, and before at signs. So the whole line is passed on, and the part of
# each answer up to the last such place typed is cut off again, as Bash expects. Where all that is offered are files,
# Bash puts quotes and slashes; what is typed with quotes or a tilde, or matches no pattern, is left to it altogether.
_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}" typed rest char type value file option="" cut shown
    local -a patterns=() files=()
    typed="${line##*[[:space:]]}"
    rest="$typed"
    for char in : =; do
        if [[ "$COMP_WORDBREAKS" == *"$char"* ]]; then rest="${rest##*"$char"}"; fi
    done
    if [[ "$COMP_WORDBREAKS" == *@* && "$rest" == *@* ]]; then rest="@${rest##*@}"; fi
    cut="${typed%%"$rest"}"
    if [[ "$typed" == --*=* ]]; then option="${typed%%%%=*}="; fi
    COMPREPLY=()
    for completion in $(env COMP_WORDS="$line" %(complete_var)s=bash_complete $1); do
        IFS=',' read -r type value <<< "$completion"
        if [[ $type == 'dir' ]]; then compopt -o dirnames
        elif [[ $type == 'file' ]]; then IFS=' ' read -r -a patterns <<< "$value"
        else
            COMPREPLY+=("${value#"$cut"}")
            if [[ $value == *[:@] ]]; then compopt -o nospace; else compopt +o nospace; fi
        fi
    done
    if [[ ${#patterns[@]} -gt 0 ]]; then
        shown="${typed#"$option"}"
        if [[ "$shown${COMP_WORDS[COMP_CWORD]}" != *[\\\\\\"\\'~\\$]* ]]; then
            for file in $(compgen -f -- "$shown"); do
                if [[ "${file##*/}" == .* && "${shown##*/}" != .* ]]; then continue; fi
                for char in "${patterns[@]}"; do
                    if [[ -d $file || $file == $char ]]; then files+=("$option$file"); break; fi
                done
            done
        fi
        if [[ ${#COMPREPLY[@]} -eq 0 ]]; then
            compopt -o default -o filenames
            for file in "${files[@]}"; do COMPREPLY+=("${file#"$cut"}"); done
            return
        fi
        for file in "${files[@]}"; do
            if [[ -d "${file#"$option"}" ]]; then file="$file/"; fi
            COMPREPLY+=("$(printf '%%q' "${file#"$cut"}")")
        done
    fi
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a response words_only open_words described
    local type key said patterns=""
    (( ! $+commands[%(prog_name)s] )) && return 1
    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s)}")
    for type key said in ${response}; do
        if [[ "$type" == "dir" ]]; then patterns="/"
        elif [[ "$type" == "file" ]]; then patterns="$key"
        elif [[ "$said" != "_" ]]; then described+=("$key":"$said")
        elif [[ "$key" == *[:@] ]]; then open_words+=("$key")
        else words_only+=("$key")
        fi
    done
    if (( $#described )); then _describe -V unsorted described -U; fi
    if (( $#words_only )); then compadd -U -V unsorted -a words_only; fi
    if (( $#open_words )); then compadd -U -S '' -V unsorted -a open_words; fi
    if [[ -n "$patterns" ]]; then
        if [[ "$PREFIX" == --*=* ]]; then compset -P '*='; fi
        if [[ "$patterns" == "/" ]]; then _path_files -/
        else _files -g "$patterns"
        fi
    fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = """\
function %(complete_func)s
    set -l token (commandline -ct)
    set -l typed (commandline -cp)
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS="$typed" COMP_CWORD="$token" %(prog_name)s)
    set -l option (string match -r -- '^--[^=]*=' "$token")
    set -l path (string replace -- "$option" "" "$token")
    for completion in $response
        set -l parts (string split -m 1 "," -- $completion)
        switch $parts[1]
            case plain
                echo $parts[2]
            case dir
                for folder in (__fish_complete_directories "$path")
                    echo "$option$folder"
                end
            case file
                for file in (__fish_complete_path "$path")
                    set -l name (string split \\t -- $file)[1]
                    for pattern in "*/" (string split " " -- $parts[2])
                        if string match -q -- $pattern $name
                            echo "$option$file"
                            break
                        end
                    end
                end
        end
    end
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class _WithOption(ShellComplete):
    """Puts back the `--option=` that was typed with a value: shells replace the whole word."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        option = option_part(incomplete)
        found = super().get_completions(args, incomplete)
        for item in found:
            if item.type == "plain":
                item.value = f"{option}{item.value}"
        return found


class _Bash(_WithOption, BashComplete):
    source_template: ClassVar[str] = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        if line[-1:].isspace() or not words:
            return words, ""
        return words[:-1], words[-1]


class _Zsh(_WithOption, ZshComplete):
    source_template: ClassVar[str] = _ZSH


class _Fish(_WithOption, FishComplete):
    source_template: ClassVar[str] = _FISH


_SHELLS: Mapping[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def answer(environment: Mapping[str, str]) -> int | None:
    """Answer a shell that asks for completions or for its script; None when no shell asks."""
    asked = environment.get(VARIABLE)
    if asked is None:
        return None
    shell, _, what = asked.partition("_")
    kind = _SHELLS.get(shell)
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
