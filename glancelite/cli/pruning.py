"""`image prune`: images that newer ones have taken the place of, and those that are old, are deleted."""

import re
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from glancelite.client.errors import ClientError, ProjectUnknown, Refused, Unreachable

from .choosing import Query, choosing_options, make_query
from .output import View, print_many, shows_many
from .service import complain, doing, note, open_images, open_transport, settings

if TYPE_CHECKING:
    from glancelite.client.images import Image, Images

_COLUMNS = {"ID": "id", "Name": "name", "Created At": "created_at", "Size": "size"}
_AGE = re.compile(r"(\d{1,6})([mhdw]?)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "": "days", "w": "weeks"}


def _read_age(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Callback: a number of days, or with a unit, as the moment so long ago."""
    if value is None:
        return None
    found = _AGE.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"'{value}' is not a number of days, nor one with m, h, d or w.", ctx, param)
    try:
        return datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError as error:
        raise click.BadParameter(f"'{value}' is before there were years.", ctx, param) from error


@click.command()
@click.option("--keep", type=click.IntRange(1), metavar="N", help="The N newest of each name and owner stay.")
@click.option(
    "--older-than",
    "before",
    metavar="AGE",
    callback=_read_age,
    help="Only images that were made longer ago: 30 (days), 90m, 12h, 30d, 4w.",
)
@choosing_options
@click.option("--dry-run", is_flag=True, help="Delete nothing, and list what would be.")
@shows_many
def prune(view: View, keep: int | None, before: datetime | None, dry_run: bool, **values: Any) -> None:
    """Delete images that newer ones of the same name have taken the place of, or that are old.

    Images of one name and owner are taken for versions of one image, hidden ones included. With --keep and --older-than
    only those go that are both beyond the N newest and older. They are images of your project, or of --project; where a
    login knows of no projects, those of a list that may be deleted. Active images are looked at, no others, and
    protected ones stay. What is deleted is asked for first, and then listed.
    """
    if keep is None and before is None:
        raise click.UsageError("Say what is to go: --keep, --older-than or both.")
    with doing("prune images"):
        query = _within_project(make_query(values))
        images = open_images()
        chosen = _choose(_list(images, query), keep, before)
        going = [image for image in chosen if not image.get("protected")]
        if len(going) < len(chosen):
            note(f"Left alone, being protected: {len(chosen) - len(going)} image(s).")
        if dry_run:
            _print(going, view)
            return
        if going and not settings().get("yes"):
            _confirm(going)
        gone, failed = _delete(images, going, view, is_sure_whose=any(name == "owner" for name, _ in query))
    if failed:
        raise click.ClickException(f"Failed to delete {failed} of {gone + failed} images.")


def _within_project(query: Query) -> Query:
    """The query for images of one project only, wherever the login knows of projects: others' are not ours to end."""
    identity = open_transport().identity
    if any(name == "owner" for name, _ in query):
        return query
    own = settings().get("project_id") if identity is None else identity.own_project()
    if identity is not None and not own:
        raise ProjectUnknown("the login is for no project: say with --project whose images are meant.")
    return [*query, ("owner", str(own))] if own else query


def _list(images: "Images", query: Query) -> "list[Image]":
    """Active images, the newest first; of the same second those that are not hidden."""
    asked = [*query, ("sort", "created_at:desc")]
    found = list(images.list(asked))
    if all(name != "os_hidden" for name, _ in query):
        found += images.list([*asked, ("os_hidden", "true")])
    each = {image["id"]: image for image in found if image.get("status") == "active"}  # one may be hidden in between
    return sorted(each.values(), key=_made, reverse=True)


def _made(image: "Image") -> datetime:
    return datetime.fromisoformat(str(image["created_at"]))


def _choose(images: "Sequence[Image]", keep: int | None, before: datetime | None) -> "list[Image]":
    """Those that are to go, the oldest first. One without a name is no version of another."""
    seen: Counter[tuple[Any, Any]] = Counter()
    chosen = []
    for image in images:
        versions = (image.get("owner"), image["name"]) if image.get("name") else (None, image["id"])
        seen[versions] += 1
        is_superseded = keep is None or seen[versions] > keep
        if is_superseded and (before is None or _made(image) < before):
            chosen.append(image)
    return chosen[::-1]


def _confirm(images: "Sequence[Image]") -> None:
    if not sys.stdin.isatty():
        raise click.ClickException(
            f"Nothing is deleted: there is nobody to ask. See with --dry-run which {len(images)} image(s) would be, "
            "then say --yes."
        )
    for image in images:
        complain(f"{image['id']}  {image['created_at']}  {image.get('name') or ''}")
    click.confirm(f"Delete {len(images)} image(s)?", abort=True, err=True)


def _delete(images: "Images", going: "Sequence[Image]", view: View, *, is_sure_whose: bool) -> tuple[int, int]:
    """Delete them, and print those that were; how many were, and how many could not be.

    Where it is not sure whose they are, one that is refused is somebody else's.
    """
    gone: list[Image] = []
    failed = others = 0
    try:
        for image in going:
            try:
                images.delete(image["id"])
                gone.append(image)
            except ClientError as error:
                status = error.status if isinstance(error, Refused) else None
                if isinstance(error, Unreachable) or status == 401:
                    raise
                if status == 403 and not is_sure_whose:
                    others += 1
                elif status != 404:  # or somebody else was quicker
                    failed += 1
                    complain(f"Cannot delete image {image['id']}: {error}")
    finally:
        _print(gone, view)
    if others:
        note(f"Left alone, being others': {others} image(s).")
    return len(gone), failed


def _print(images: "Sequence[Image]", view: View) -> None:
    print_many(tuple(_COLUMNS), [[image.get(field) for field in _COLUMNS.values()] for image in images], view)
