"""The PostgreSQL pool: what comes again is prepared, and what nobody waits for is sent with what somebody does.

A round trip costs more than most statements. BEGIN, and statements whose answer is of no interest, are held back and
sent in one message with the next statement or with COMMIT; PostgreSQL runs them in order, and after one that fails
none. Of psycopg its wrapper around libpq is used: its cursors take as long as a statement, and know nothing of this.
"""

import select
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import peewee
import psycopg
from playhouse.pool import PooledPostgresqlDatabase
from psycopg import abc
from psycopg import sql as syntax
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import Escaping, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from .pools import Unasked

_PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
_TYPES: dict[type, str] = {bool: "boolean", int: "bigint", float: "double precision"}
"""What a value is declared as; of others PostgreSQL finds out from where they stand."""
_LARGE = 1 << 63
_MOST_KNOWN = 200
_MOST_HELD = 100
"""What is held back is one message, which the server reads as a whole."""
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_STALE = ("26000", "0A000")
"""SQLSTATEs of a prepared statement that a pooler has dropped, or that a migration has changed the result of."""


class Answer:
    """What a statement gave: of a DB API cursor what the registry and peewee read."""

    def __init__(self, result: PGresult, transformer: abc.Transformer) -> None:
        self._result, self._transformer, self._at = result, transformer, 0
        self.rowcount = result.command_tuples or 0

    @property
    def description(self) -> list[tuple[str]]:
        """The columns' names, without what else the DB API has of them."""
        names = (self._result.fname(number) or b"" for number in range(self._result.nfields))
        return [(name.decode(),) for name in names]

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._fetch(self._result.ntuples)

    def fetchone(self) -> tuple[Any, ...] | None:
        rows = self._fetch(min(self._at + 1, self._result.ntuples))
        return rows[0] if rows else None

    def close(self) -> None:
        """All of it is here already."""

    def _fetch(self, end: int) -> list[tuple[Any, ...]]:
        self._transformer.set_pgresult(self._result)
        rows = self._transformer.load_rows(self._at, end, tuple)
        self._at = end
        return rows


class _Connection(psycopg.Connection[Any]):
    """A connection with what it holds back, and the statements that it knows by their text and their values' types."""

    def __init__(self, pgconn: PGconn, *args: Any, **kwargs: Any) -> None:
        super().__init__(pgconn, *args, **kwargs)
        pgconn.nonblocking = 0  # for sending: who waits for an answer can be interrupted
        self.held: list[str] = []
        self._known: OrderedDict[tuple[str, tuple[str, ...]], str] = OrderedDict()
        """Each with its EXECUTE; with nothing when it was seen once."""
        self._count = 0
        self._transformer, self._escaping = Transformer(self), Escaping(pgconn)
        self._watch = select.poll()
        self._watch.register(pgconn.socket, select.POLLIN)

    def run(self, sql: str, values: Sequence[Any]) -> Answer:
        """Send what was held back and this; its answer."""
        message, self.held = ";".join([*self.held, self.text_of(sql, values)]), []
        return Answer(self._ask(message), self._transformer)

    def text_of(self, sql: str, values: Sequence[Any]) -> str:
        """The statement with its values in it, as EXECUTE when it comes again."""
        form = self._form_of(sql, values) if values and sql.startswith(_PLANNED) else sql
        return form % tuple([self._literal(value) for value in values])

    def _literal(self, value: Any) -> str:
        if value is None:
            return "NULL"
        if type(value) is bool:
            return str(value)
        if type(value) is int:
            return str(value) if value >= 0 else f"({value})"  # after a minus, "--" would begin a comment
        if not isinstance(value, str):
            return syntax.Literal(value).as_string(self)
        if "\0" in value:  # where libpq would take the text to end
            raise psycopg.DataError("PostgreSQL keeps no text with a NUL in it")
        return self._escaping.escape_literal(value.encode()).decode()

    def _form_of(self, sql: str, values: Sequence[Any]) -> str:
        types = tuple([_type_of(value) for value in values])
        form = self._known.get((sql, types))
        if form is None:
            self._known[sql, types] = ""
            self._forget_oldest()
            return sql
        if not form:
            form = self._known[sql, types] = self._prepare(sql, types)
        self._known.move_to_end((sql, types))
        return form

    def _prepare(self, sql: str, types: Sequence[str]) -> str:
        self._count += 1
        numbered = sql % tuple([f"${number}" for number in range(1, len(types) + 1)])
        self._ask(f"PREPARE s{self._count} ({', '.join(types)}) AS {numbered}")
        return f"EXECUTE s{self._count} ({', '.join(['%s'] * len(types))})"

    def _forget_oldest(self) -> None:
        if len(self._known) > _MOST_KNOWN:
            _, form = self._known.popitem(last=False)
            if form:
                self._ask(f"DEALLOCATE {form.split()[1]}")

    def _ask(self, message: str) -> PGresult:
        """Send statements; what the last of them gave."""
        try:
            self.pgconn.send_query(message.encode())
            return self._await_answer()
        except (KeyboardInterrupt, SystemExit):
            self.close()  # what the server does now is nobody's
            raise
        except psycopg.Error as error:
            if error.sqlstate not in _STALE:
                raise
            self.close()
            raise psycopg.OperationalError(str(error)) from error

    def _await_answer(self) -> PGresult:
        last: PGresult | None = None
        while True:
            while self.pgconn.is_busy():
                self._watch.poll()
                self.pgconn.consume_input()
            result = self.pgconn.get_result()
            if result is None:
                break
            if last is None or last.status in _GOOD:
                last = result
        if last is None or last.status not in _GOOD:
            raise error_from_result(last) if last else psycopg.OperationalError("the server said nothing")
        return last


def _type_of(value: Any) -> str:
    kind = type(value)
    return "numeric" if kind is int and not -_LARGE <= value < _LARGE else _TYPES.get(kind, "unknown")


class _Adapter(peewee.Psycopg3Adapter):  # type: ignore[misc]  # peewee has no types
    def connect(self, db: peewee.Database, **parameters: Any) -> _Connection:
        return _Connection.connect(dbname=db.database, **parameters)


class PostgresPool(Unasked, PooledPostgresqlDatabase):  # type: ignore[misc]
    """Connections to PostgreSQL. peewee's `atomic` calls `begin`, `commit` and `rollback`."""

    psycopg3_adapter = _Adapter

    def _can_reuse(self, connection: _Connection) -> bool:
        # Who was interrupted has not rolled back: what it held must not go out with what the next one sends.
        return not connection.held and bool(super()._can_reuse(connection))

    def init(self, database: str, **kwargs: Any) -> None:
        super().init(database, prefer_psycopg3=True, **kwargs)

    def execute_sql(self, sql: str, params: Sequence[Any] | None = None) -> Answer:
        with peewee.__exception_wrapper__:
            answer: Answer = self.connection().run(sql, params or ())
        return answer

    def hold(self, sql: str, params: Sequence[Any]) -> None:
        """Run a statement of a transaction no later than its next one or its end, which raises what this one does."""
        with peewee.__exception_wrapper__:
            here = self.connection()
            if len(here.held) < _MOST_HELD:
                here.held.append(here.text_of(sql, params))
            else:
                here.run(sql, params)

    def begin(self, isolation_level: Any = None) -> None:
        self.connection().held.append("BEGIN")

    def commit(self) -> None:
        held = self.connection().held
        if held == ["BEGIN"]:
            held.clear()
        else:
            self.execute_sql("COMMIT")

    def rollback(self) -> None:
        here = self.connection()
        here.held.clear()
        if here.pgconn.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN):
            self.execute_sql("ROLLBACK")
