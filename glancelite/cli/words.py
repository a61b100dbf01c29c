"""Completion of a line: where its last word begins, what may follow, and how each shell wants to hear it.

What is printed for a shell is a line for each candidate: its kind (plain, file or dir), itself, and its help, with
tabs between. Names come from a service: each is written so that no shell takes a part of it for anything else.
"""

import os
import re
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from .options import SETTINGS
from .session import Session

VARIABLE = "_GLANCELITE_COMPLETE"
_WORD = re.compile(r"""(?:[^\s\\'"]|\\.|\\$|'[^']*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$))+""")
_ASSIGNMENT = re.compile(r"(\w+)=(.*)", re.DOTALL)
_SPLIT = re.compile("[ /]")
_SPECIAL = re.compile(r"([^\w@%+=:,./-])")


class Line(NamedTuple):
    """A line up to the cursor: its whole words, and the last as it is meant and as it is written."""

    words: list[str]
    incomplete: str
    written: str

    @property
    def quote(self) -> str:
        """The quote that the last word is in, if any."""
        return self.written[0] if self.written[:1] in ("'", '"') else ""


def read_line(text: str) -> Line:
    """Split a line that may end within a word, or in quotes."""
    found = list(_WORD.finditer(text))
    if not found or found[-1].end() < len(text):
        return Line(split_arg_string(text), "", "")
    words = split_arg_string(text)
    return Line(words[:-1], words[-1] if words else "", found[-1].group())


def fit(value: str, written: str, piece: str) -> str | None:
    """What to put in place of `piece`, the end of the written word that the shell replaces; None: cannot be said."""
    name, is_value, rest = written.partition("=")
    if is_value and name.startswith("--"):
        written = rest
    if quote := Line([], "", written).quote:
        written = written[1:]
        if set(value) & set(quote + '\\"$`!'):
            return None
    else:
        value = _SPECIAL.sub(r"\\\1", value)
    if piece.endswith(written):
        return piece[: len(piece) - len(written)] + value
    return value[len(written) - len(piece) :] if written.endswith(piece) else None


class Completion(ShellComplete):
    """Candidates; global options are among them where there are no others."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        found = super().get_completions(args, incomplete)
        if not found and incomplete.startswith("--") and "=" not in incomplete:
            flags = [(flag, each.help) for each in SETTINGS if each.hidden != "*" for flag in _SPLIT.split(each.flags)]
            return [CompletionItem(flag, help=text) for flag, text in flags if flag.startswith(incomplete)]
        return found


class _Shell(Completion):
    """Takes the line up to the cursor from COMP_LINE."""

    def get_completion_args(self) -> tuple[list[str], str]:
        self.line = read_line(os.environ.get("COMP_LINE", ""))
        words = list(self.line.words)
        while words and (said := _ASSIGNMENT.fullmatch(words[0])):
            if not set(said[2]) & set("$`"):
                os.environ[said[1]] = said[2]
            words.pop(0)
        return words[1:], self.line.incomplete

    def spell(self, value: str) -> str | None:
        """The candidate as the shell wants it."""
        return value

    def complete(self) -> str:
        args, incomplete = self.get_completion_args()
        return "\n".join(filter(None, map(self.format_completion, self.get_completions(args, incomplete))))

    def format_completion(self, item: CompletionItem) -> str:
        value = item.value if item.type != "plain" else self.spell(item.value)
        text = " ".join((item.help or "").split())
        return "" if value is None else f"{item.type}\t{value}\t{text}"


class Bash(_Shell):
    name = "bash"
    source_template = """\
%(complete_func)s() {
    local kind value help
    COMPREPLY=()
    while IFS=$'\\t' read -r kind value help; do
        case $kind in
            plain) COMPREPLY+=("$value") ;;
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_PIECE="$2" %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def spell(self, value: str) -> str | None:
        return fit(value, self.line.written, os.environ.get("COMP_PIECE", ""))


class Zsh(_Shell):
    name = "zsh"
    source_template = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local line kind value help
    local -a values described
    for line in "${(@f)$(COMP_LINE="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" %(complete_var)s=zsh_complete \
"${words[1]}" 2>/dev/null)}"; do
        IFS=$'\\t' read -r kind value help <<< "$line"
        case $kind in
            plain)
                if [[ -n $help ]]; then described+=("${value//:/\\\\:}:$help"); else values+=("$value"); fi ;;
            dir) [[ $PREFIX == --*=* ]] && compset -P '*='; _path_files -/ ;;
            file) [[ $PREFIX == --*=* ]] && compset -P '*='; _path_files ;;
        esac
    done
    [[ $PREFIX == --*=* ]] && compset -P '*='
    (( $#described )) && _describe -V %(prog_name)s described
    (( $#values )) && compadd -V values -a values
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class Fish(_Shell):
    name = "fish"
    source_template = """\
function %(complete_func)s
    set -l words (commandline -opc)
    set -l lines (COMP_LINE=(commandline -cp | string collect) %(complete_var)s=fish_complete $words[1] 2>/dev/null)
    for line in $lines
        set -l parts (string split \\t -- $line)
        switch $parts[1]
            case plain
                printf '%%s\\t%%s\\n' $parts[2] $parts[3]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
        end
    end
end
complete --no-files --keep-order --command %(prog_name)s --arguments "(%(complete_func)s)"
"""

    def spell(self, value: str) -> str:
        name, is_value, _ = self.line.written.partition("=")
        return f"{name}={value}" if is_value and name.startswith("--") else value


SHELLS: dict[str, type[_Shell]] = {kind.name: kind for kind in (Bash, Zsh, Fish)}


def answer(cli: click.Command, instruction: str) -> int:
    """What a shell asked through its script; nothing where there is nothing to say, or something is wrong."""
    kind = SHELLS.get(instruction.partition("_")[0])
    if kind is None:
        return 2
    try:
        text = kind(cli, {"obj": Session()}, "glancelite", VARIABLE).complete()
    except Exception:  # an error's text would be taken for a candidate, and nobody asked for one
        return 1
    if text:
        click.echo(text)
    return 0
