"""How results are printed: the options every command that shows something has, and the formats behind `-f`."""

import functools
import json
import os
import re
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import click

from .color import STATUSES, is_colored, said_now
from .table import draw
from .text import printable

Command = TypeVar("Command", bound=Callable[..., Any])
Row = Sequence[Any]


@dataclass(frozen=True)
class View:
    """What the caller wants to see, and how."""

    format: str = "table"
    columns: tuple[str, ...] = ()
    noindent: bool = False
    max_width: int | None = None
    fit_width: bool = False
    print_empty: bool = False
    prefix: str = ""
    quote: str = "nonnumeric"
    sort_columns: tuple[str, ...] = ()
    is_descending: bool = False


_BOTH = (
    click.option("-c", "--column", "columns", multiple=True, metavar="NAME", help="Show this column; repeatable."),
    click.option("--noindent", is_flag=True, help="json: print on one line."),
    click.option("--max-width", type=click.IntRange(min=0), metavar="N", help="table: no wider than this; 0: no limit. "
                 "Env: CLIFF_MAX_TERM_WIDTH."),
    click.option("--fit-width", is_flag=True, help="table: fit to the display (the default on a terminal). "
                 "Env: CLIFF_FIT_WIDTH."),
    click.option("--print-empty", is_flag=True, help="table: print the header of an empty table."),
)  # fmt: skip
_ONE = (
    click.option("-f", "--format", type=click.Choice(["table", "json", "yaml", "value", "shell"]), default="table",
                 help="How to print; table unless said."),
    *_BOTH,
    click.option("--prefix", default="", metavar="TEXT", help="shell: put this before every name."),
)  # fmt: skip
_MANY = (
    click.option("-f", "--format", type=click.Choice(["table", "json", "yaml", "value", "csv", "ndjson"]),
                 default="table", help="How to print; table unless said."),
    *_BOTH,
    click.option("--quote", type=click.Choice(["all", "minimal", "none", "nonnumeric"]), default="nonnumeric",
                 help="csv: what to put into quotes."),
    click.option("--sort-column", "sort_columns", multiple=True, metavar="NAME",
                 help="Sort what was fetched by this column; repeatable."),
    click.option("--sort-descending/--sort-ascending", "is_descending", default=False,
                 help="Direction of --sort-column."),
)  # fmt: skip


def shows_one(command: Command) -> Command:
    """Decorator: the command prints one thing, and receives a View as `view`."""
    return _with_view(command, _ONE)


def shows_many(command: Command) -> Command:
    """Decorator: the command prints a list, and receives a View as `view`."""
    return _with_view(command, _MANY)


def _with_view(command: Command, decorators: Sequence[Callable[[Any], Any]]) -> Command:
    names = {field.name for field in fields(View)}

    @functools.wraps(command)
    def run(*args: Any, **values: Any) -> Any:
        view = View(**{name: values.pop(name) for name in names & values.keys()})
        return command(*args, view=view, **values)

    for decorate in reversed(decorators):
        run = decorate(run)
    return run  # type: ignore[return-value]


def print_one(record: Mapping[str, Any], view: View, as_written: Container[str] = ()) -> None:
    """Print one thing: its fields in alphabetical order, those without a value left out unless they are asked for.

    The mappings of `as_written` have no form of their own in a table.
    """
    chosen = _choose(tuple(sorted(record)), view)
    shown = {name: record[name] for name in chosen if view.columns or record[name] is not None}
    if view.format == "json":
        _print_json(shown, view)
    elif view.format == "yaml":
        _print_yaml(shown)
    elif view.format == "value":
        _print("".join(f"{_value(value)}\n" for value in shown.values()))
    elif view.format == "shell":
        _print("".join(f"{_variable(view.prefix + name)}={_quoted(value)}\n" for name, value in shown.items()))
    else:
        cells = [(name, str(value) if name in as_written else _cell(value)) for name, value in shown.items()]
        _print_table(("Field", "Value"), cells, (False, False), view)


def print_many(columns: Sequence[str], rows: Sequence[Row], view: View, as_written: Container[str] = ()) -> None:
    """Print a list; `as_written` as for one thing."""
    rows = _sort(columns, rows, view)
    chosen = _choose(columns, view)
    rows = [[row[columns.index(name)] for name in chosen] for row in rows]
    if view.format in ("json", "yaml", "ndjson"):
        records = [dict(zip(chosen, row, strict=True)) for row in rows]
        if view.format == "ndjson":
            _print("".join(json.dumps(record) + "\n" for record in records))
        else:
            _print_json(records, view) if view.format == "json" else _print_yaml(records)
    elif view.format == "value":
        _print("".join(" ".join(map(_value, row)) + "\n" for row in rows))
    elif view.format == "csv":
        _print_csv(chosen, rows, view)
    else:
        to_right = [bool(rows) and type(value) in (int, float) for value in (rows or [chosen])[0]]
        show = [str if name in as_written else _cell for name in chosen]
        cells = [[form(value) for form, value in zip(show, row, strict=True)] for row in rows]
        _print_table(chosen, cells, to_right, view)


def _choose(columns: Sequence[str], view: View) -> Sequence[str]:
    """The columns asked for, in the order of the table (as the peer does); unknown ones beside known ones pass."""
    if not view.columns:
        return columns
    wanted = {_folded(name) for name in view.columns}
    chosen = [name for name in columns if _folded(name) in wanted]
    if not chosen:
        raise click.ClickException(f"There is no column {' or '.join(view.columns)}; there are: {', '.join(columns)}.")
    return chosen


def _folded(name: str) -> str:
    return name.lower().replace("_", " ")


def _sort(columns: Sequence[str], rows: Sequence[Row], view: View) -> list[Row]:
    sorted_rows = list(rows)
    places = {_folded(name): place for place, name in enumerate(columns)}
    for name in reversed(view.sort_columns):
        place = places.get(_folded(name))
        if place is not None:
            sorted_rows.sort(key=lambda row, i=place: _rank(row[i]), reverse=view.is_descending)  # type: ignore[misc]
    return sorted_rows


def _rank(value: Any) -> tuple[bool, bool, Any]:
    """Numbers by their size, all else as it is written; what is not there comes last."""
    is_number = isinstance(value, (int, float))
    return value is None, not is_number, value if is_number else _cell(value)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}='{value[key]}'" for key in sorted(value))
    return ", ".join(sorted(map(str, value))) if isinstance(value, list) else str(value)


def _value(value: Any) -> str:
    text = str(value)
    return printable(text) if sys.stdout.isatty() else text


def _variable(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def _quoted(value: Any) -> str:
    """In double quotes, with everything escaped that a shell acts on there."""
    return '"' + re.sub(r'([\\"$`])', r"\\\1", _value(value)) + '"'


def _print(text: str) -> None:
    sys.stdout.write(text)


def _print_json(document: Any, view: View) -> None:
    _print(json.dumps(document, indent=None if view.noindent else 2) + "\n")


def _print_yaml(document: Any) -> None:
    import yaml

    _print(yaml.safe_dump(document, default_flow_style=False))


def _print_csv(columns: Sequence[str], rows: Sequence[Row], view: View) -> None:
    import csv

    quoting = getattr(csv, f"QUOTE_{view.quote.upper()}")
    escape = "\\" if view.quote == "none" else None
    writer = csv.writer(sys.stdout, quoting=quoting, lineterminator="\n", escapechar=escape)
    writer.writerow(columns)
    writer.writerows([[str(value) if isinstance(value, list) else value for value in row] for row in rows])


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], to_right: Sequence[bool], view: View) -> None:
    if not rows and not view.print_empty:
        _print("\n")
    else:
        _print(draw(titles, rows, to_right, room(view), _color(titles, rows)) + "\n")


def _color(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[tuple[int, int], str]:
    """Where a table says in which status something is."""
    if not is_colored(said_now(), sys.stdout):
        return {}
    cells = [(r, c) for r, row in enumerate(rows) for c, title in enumerate(titles)
             if title == "Status" or (title == "Value" and row[0] == "status")]  # fmt: skip
    return {(r, c): STATUSES[rows[r][c]] for r, c in cells if rows[r][c] in STATUSES}


def room(view: View) -> int:
    """How wide a table may be; 0 where there is no limit."""
    if view.max_width is not None:
        return view.max_width
    said = os.environ.get("CLIFF_MAX_TERM_WIDTH", "")
    if said.isdecimal() and int(said):
        return int(said)
    import shutil

    fits = view.fit_width or os.environ.get("CLIFF_FIT_WIDTH") == "1" or sys.stdout.isatty()
    return shutil.get_terminal_size().columns if fits else 0
