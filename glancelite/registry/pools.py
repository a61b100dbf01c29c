"""The pools of connections to SQLite and MariaDB; PostgreSQL's, which needs its driver, is in postgres.py."""

from typing import Any

from playhouse.pool import PooledMySQLDatabase, PooledSqliteDatabase


class Unasked:
    """A pool that asks no connection whether it lives, which costs as much as the statement it is wanted for: what
    meets a lost one drops them all and is done again."""

    def _is_closed(self, connection: Any) -> bool:
        return False


class MysqlPool(Unasked, PooledMySQLDatabase):  # type: ignore[misc]  # playhouse has no types
    pass


class SqlitePool(PooledSqliteDatabase):  # type: ignore[misc]
    _has_spare = False

    def close_spare(self) -> None:
        """Close what a busy moment needed, with all its files.

        POSIX takes a process's locks away when any descriptor of the file is closed, so SQLite leaves that of a closed
        connection open until the last one of the process goes: that one goes too, once it is idle. While there was
        only one it stays, for with the last of all SQLite clears its journal away.
        """
        with self._pool_lock:
            if self._has_spare or len(self._connections) > 1:
                self._has_spare = bool(self._in_use)
                self.close_idle()
