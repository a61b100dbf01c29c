"""A page of images, found by a statement whose cost follows the page, however many images there are.

It is written as text: peewee takes longer to write such a statement than a database to run it. Values never are part of
the text, but for the number of images. PostgreSQL keeps the plan of a statement that it takes to be as good for any
values; making a new one each time takes as long as the page. So it is told how few are wanted, and not what the marker
is: of that value it would expect more than of others.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..domain.context import Context
from ..domain.image import Image, is_visible
from ..domain.query import Condition, ImageQuery
from ..errors import ImageNotFound, InvalidMarker
from .images import ImageQueries
from .rows import IMAGE_NAMES, LOCATION_NAMES, property_mark, tag_mark, to_images

_FEW = 2000
"""As many images as may be read and sorted for one page. Of more, only those are read that its order puts first."""
_MOST_LOOKS = 8
"""As many names and marks are looked at for a rare one."""
_DEFAULT_SORT = (("created_at", False), ("id", False))
_VEILED = "(SELECT ?)"
"""A value that PostgreSQL does not look at when it plans."""
_NULL_AS: dict[str, str | int] = {"name": "", "size": 0, "container_format": "", "disk_format": ""}
"""What a sort takes NULL for, which each database would put somewhere else."""


class Part(NamedTuple):
    """A piece of SQL with a `?` for each of its values."""

    text: str
    values: tuple[Any, ...] = ()


class Scope(NamedTuple):
    """Images that a list may show for one reason: where to find them, or how to tell that `i` is one."""

    tables: str
    where: Part
    test: Part


class Source(NamedTuple):
    """Where a page is looked for. `i` is images; `created_at` and `id` are taken from where they are in order."""

    tables: str
    where: Part
    created_at: str = "i.created_at"
    id: str = "i.id"

    def sortable(self, key: str) -> str:
        """A column that compares the same in every database."""
        column = getattr(self, key, f"i.{key}")
        return f"COALESCE({column}, {_NULL_AS[key]!r})" if key in _NULL_AS else column


class ListQueries(ImageQueries):
    """The part of the registry that knows lists of images."""

    def list_images(self, context: Context, query: ImageQuery) -> tuple[Image, ...]:
        with self._connection():
            marker = self._marker(context, query)
            sources = () if query.is_empty or query.limit == 0 else self._sources(context, query)
            if not sources:
                return ()
            is_veiled = self._dialect == "postgres" and query.sort == _DEFAULT_SORT
            page = _page(sources, query, marker, _VEILED if is_veiled else "?")
            return to_images(self._ask(_filled(page, context, query)))

    def _ask(self, part: Part) -> Sequence[tuple[Any, ...]]:
        text = part.text if self._dialect == "sqlite" else part.text.replace("?", "%s")
        rows: Sequence[tuple[Any, ...]] = self._db.execute_sql(text, part.values).fetchall()
        return rows

    def _marker(self, context: Context, query: ImageQuery) -> Image | None:
        """The image behind which the page begins; InvalidMarker for one that the caller cannot see."""
        if query.marker is None:
            return None
        try:
            image = self._read_image(query.marker, context)
        except ImageNotFound as error:
            raise InvalidMarker(marker=query.marker) from error
        if not is_visible(image, context):
            raise InvalidMarker(marker=query.marker)
        return image

    def _sources(self, context: Context, query: ImageQuery) -> Sequence[Source]:
        """The ways that read least. Where few images carry the name or a mark that is asked for, those are read and
        tested. Where many do, they are read in order until the page is full, if the caller sees many, or else the few
        that the caller sees are tested.
        """
        scopes = _scopes(context, query)
        marks = sorted({*map(tag_mark, query.tags), *(property_mark(*pair) for pair in query.properties)})
        carried = [_carries(marks)] if marks else []
        carriers = [*(_by_mark(mark) for mark in marks), *_by_name(query.conditions)]
        chosen = next((one for one in carriers[:_MOST_LOOKS] if self._are_few(one)), None)
        if chosen is None and carriers and query.sort == _DEFAULT_SORT:
            shown = (Source(scope.tables, _all(scope.where, _standing(query))) for scope in scopes)
            chosen = None if all(map(self._are_few, shown)) else carriers[0]
        if chosen is None:
            return [Source(scope.tables, _all(scope.where, *carried)) for scope in scopes]
        here = Part("i.id = " + chosen.id)
        return [chosen._replace(
            tables=f"{chosen.tables} CROSS JOIN images i",
            where=_all(chosen.where, here, _any(*(scope.test for scope in scopes)), *carried),
        )] if scopes else []  # fmt: skip

    def _are_few(self, source: Source) -> bool:
        some = f"SELECT 1 AS one FROM {source.tables} WHERE {source.where.text} LIMIT {_FEW}"
        ((count,),) = self._ask(Part(f"SELECT COUNT(*) FROM ({some}) AS few", source.where.values))
        return bool(count < _FEW)


# What is looked for ---------------------------------------------------------------------------------------------------


def _carries(marks: Sequence[str]) -> Part:
    """Does `i` carry all of these? One subquery however many they are: databases plan many of them for minutes."""
    wanted = ", ".join("?" * len(marks))
    of_image = f"FROM image_marks c WHERE c.mark IN ({wanted}) AND c.created_at = i.created_at AND c.image_id = i.id"
    return Part(f"(SELECT COUNT(*) {of_image}) = ?", (*marks, len(marks)))


def _by_mark(mark: str) -> Source:
    return Source("image_marks d", Part("d.mark = ?", (mark,)), "d.created_at", "d.image_id")


def _by_name(conditions: Iterable[Condition]) -> list[Source]:
    names = [one.values for one in conditions if one.name == "name" and len(one.values) == 1]
    return [Source("images d", Part("d.name = ?", values), "d.created_at", "d.id") for values in names]


def _standing(query: ImageQuery) -> Part:
    return Part("i.is_gone = ? AND i.os_hidden = ?", (False, query.os_hidden))


def _test(condition: Condition) -> Part:
    column, values = f"i.{condition.name}", condition.values
    if condition.op == "in":
        return Part(f"{column} IN ({', '.join('?' * len(values))})", values)
    return Part(_TESTS[condition.op].replace("c", column), values)


_TESTS = {"at_least": "c >= ?", "below": "c < ?", "within": "(c >= ? AND c < ?)", "outside": "NOT (c >= ? AND c < ?)"}


def _scopes(context: Context, query: ImageQuery) -> list[Scope]:
    """Which images a list may show this caller. Source: the Image API's table of visibilities and roles."""
    visibility, project = query.visibility, context.project_id
    if visibility in ("public", "community"):
        return [_scope(f"i.visibility = '{visibility}'")]
    if context.is_admin:
        if visibility in ("shared", "private"):
            return [_scope(f"i.visibility = '{visibility}'")]
        mine = ("i.visibility <> 'community'",) if project is None else (_FOR_ADMIN, project)
        return [_scope(*mine) if visibility is None else _scope("1 = 1")]
    one = f" AND i.visibility = '{visibility}'" if visibility in ("shared", "private") else ""
    scopes = [] if project is None else [_scope(f"i.owner = ?{one}", project)]
    if visibility != "private":
        scopes.append(_shared_with(project or "", query.member_status))
    others = {"all": ("public", "community"), None: ("public",)}.get(visibility, ())
    return [*scopes, *(_scope(f"i.visibility = '{name}'") for name in others)]


_FOR_ADMIN = "(i.visibility <> 'community' OR i.owner = ?)"


def _scope(text: str, *values: Any) -> Scope:
    return Scope("images i", Part(text, values), Part(text, values))


def _shared_with(project: str, status: str) -> Scope:
    """Images that come through membership of this status."""
    mine, values = ("s.member_id = ?", (project,)) if status == "all" else (_OF_STATUS, (project, status))
    test = f"i.visibility = 'shared' AND EXISTS (SELECT 1 FROM image_members s WHERE s.image_id = i.id AND {mine})"
    where = f"{mine} AND i.id = s.image_id AND i.visibility = 'shared'"
    return Scope("image_members s CROSS JOIN images i", Part(where, values), Part(test, values))


_OF_STATUS = "s.member_id = ? AND s.status = ?"


def _all(*parts: Part) -> Part:
    return Part(" AND ".join(part.text for part in parts), tuple(value for part in parts for value in part.values))


def _any(*parts: Part) -> Part:
    text = " OR ".join(f"({part.text})" for part in parts)
    return Part(f"({text})", tuple(value for part in parts for value in part.values))


# The page ------------------------------------------------------------------------------------------------------------


def _page(sources: Sequence[Source], query: ImageQuery, marker: Image | None, place: str) -> Part:
    """The sort keys of the page's images, k0, k1, …: the first of each source, and of those the first. `place`: how a
    value of the marker stands in the text."""
    parts = [_first(source, query, marker, place) for source in sources]
    if len(parts) == 1:
        return parts[0]
    keys = ", ".join(f"k{number}" for number in range(len(query.sort)))
    each = " UNION ".join(f"SELECT {keys} FROM ({part.text}) AS u{number}" for number, part in enumerate(parts))
    text = f"SELECT {keys} FROM ({each}) AS u ORDER BY {_order(query)} LIMIT {query.limit:d}"
    return Part(text, tuple(value for part in parts for value in part.values))


def _first(source: Source, query: ImageQuery, marker: Image | None, place: str) -> Part:
    """The first images of a source."""
    columns = [source.sortable(key) for key, _ in query.sort]
    behind = [] if marker is None else [_behind(columns, query, marker, place)]
    where = _all(source.where, _standing(query), *map(_test, query.conditions), *behind)
    selected = ", ".join(f"{column} AS k{number}" for number, column in enumerate(columns))
    order = ", ".join(
        column + _direction(ascending) for column, (_, ascending) in zip(columns, query.sort, strict=True)
    )
    text = f"SELECT {selected} FROM {source.tables} WHERE {where.text} ORDER BY {order} LIMIT {query.limit:d}"
    return Part(text, where.values)


def _behind(columns: Sequence[str], query: ImageQuery, marker: Image, place: str) -> Part:
    """k0 beyond v0, or k0 = v0 and (k1 beyond v1, or …); a bound on k0 alone goes first so that an index serves."""
    result: Part | None = None
    for column, (key, ascending) in reversed(list(zip(columns, query.sort, strict=True))):
        found = getattr(marker, key)
        value, sign = _NULL_AS.get(key) if found is None else found, ">" if ascending else "<"
        if result is None:
            result = Part(f"{column} {sign} {place}", (value,))
        else:
            equal = f"{column} = {place} AND {result.text}"
            text = f"{column} {sign}= {place} AND ({column} {sign} {place} OR ({equal}))"
            result = Part(text, (value, value, value, *result.values))
    return result or Part("1 = 1")


def _filled(page: Part, context: Context, query: ImageQuery) -> Part:
    """The images of a page with what belongs to them, as `to_images` expects it."""
    columns = ", ".join((*(f"i.{n}" for n in IMAGE_NAMES), "m.status", *(f"l.{n}" for n in LOCATION_NAMES)))
    number = [key for key, _ in query.sort].index("id")
    text = (
        f"SELECT {columns} FROM ({page.text}) AS page CROSS JOIN images i "
        "LEFT JOIN image_members m ON m.image_id = i.id AND m.member_id = ? "
        "LEFT JOIN locations l ON l.image_id = i.id "
        f"WHERE i.id = page.k{number} ORDER BY {_order(query)}, l.position"
    )
    return Part(text, (*page.values, context.project_id or ""))


def _order(query: ImageQuery) -> str:
    return ", ".join(f"k{number}{_direction(ascending)}" for number, (_, ascending) in enumerate(query.sort))


def _direction(ascending: bool) -> str:
    return "" if ascending else " DESC"
