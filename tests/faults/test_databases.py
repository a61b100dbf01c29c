"""Databases that are away, refuse, cut off or stand in each other's way: tried again, else 503; never a restart."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from databases import KIND, DatabaseServer, change_rows, connect, database_server, new_database, read_rows
from faults.rig import BLOCK, RawUpload, Rig, eventually, in_background
from harness import Reply

on_server = pytest.mark.only_on("postgresql", "mysql")
together_and_apart = pytest.mark.parametrize("deployment", ["together", "apart"])
CALM = {"REGISTRY_LEASE_SECONDS": "30", "REGISTRY_COMMIT_PATIENCE": "30"}
"""Of what the tests see, nothing is done by housekeeping."""
RENAME = [{"op": "replace", "path": "/name", "value": "new"}]


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    """A server of this module's own, which may be stopped."""
    with database_server(KIND) as started:
        yield started


@pytest.fixture
def database(server: DatabaseServer) -> str:
    return new_database(server.url)


def assert_come_again(reply: Reply) -> None:
    assert (reply.status, reply.headers.get("Retry-After")) == (503, "2"), reply.text
    assert "registry cannot be reached" in reply.json["message"]


def assert_well(rig: Rig) -> None:
    image = rig.api.create()
    rig.assert_takes_upload(image["id"], b"data")
    assert rig.api.delete(f"/v2/images/{image['id']}").status == 204


# Away, and back -------------------------------------------------------------------------------------------------------


@on_server
@together_and_apart
def test_while_the_database_is_away_it_is_503_and_when_it_is_back_all_goes_on(
    start_rig: Callable[..., Rig], server: DatabaseServer, database: str, deployment: str
) -> None:
    rig = start_rig(deployment, DATABASE_CONNECTION=database)
    image = rig.api.create()
    pids = [daemon.process.pid for daemon in rig.service.daemons]  # type: ignore[union-attr]

    server.stop()
    try:
        assert_come_again(rig.api.get(f"/v2/images/{image['id']}"))
        assert_come_again(rig.api.post("/v2/images", {}))
        assert_come_again(rig.api.upload(image["id"], b"data"))
        assert rig.api.get("/healthcheck").status == 503
    finally:
        server.start()

    eventually(lambda: rig.api.get(f"/v2/images/{image['id']}").status == 200, 5)
    eventually(lambda: rig.api.get("/healthcheck").status == 200, 5)
    # The lease may have run out meanwhile; its process enters itself again.
    eventually(lambda: rig.api.upload(image["id"], b"data").status == 204, 5)
    assert_well(rig)
    assert pids == [daemon.process.pid for daemon in rig.service.daemons]  # type: ignore[union-attr]
    rig.wait_settled()
    rig.assert_clean()


@on_server
@together_and_apart
def test_an_upload_outlives_a_restart_of_the_database_that_takes_longer_than_the_lease(
    start_rig: Callable[..., Rig], server: DatabaseServer, database: str, deployment: str
) -> None:
    rig = start_rig(deployment, DATABASE_CONNECTION=database)
    image = rig.api.create()
    upload = RawUpload(rig.api, image["id"], 2 * BLOCK)
    upload.send(bytes(BLOCK))
    rig.wait_status(image["id"], "saving")
    ((alive_until,),) = rig.rows("SELECT MAX(alive_until) FROM processes")

    server.stop()
    eventually(lambda: time.time() * 1_000_000 > alive_until + 500_000, what="an end of all leases")
    server.start()
    upload.send(bytes(BLOCK))

    assert upload.status() == 204
    rig.assert_holds(image["id"], bytes(2 * BLOCK))
    rig.wait_settled()
    rig.assert_clean()


@on_server
@together_and_apart
def test_an_upload_that_ends_while_the_database_is_away_is_committed_when_it_is_back(
    start_rig: Callable[..., Rig], server: DatabaseServer, database: str, deployment: str
) -> None:
    rig = start_rig(deployment, DATABASE_CONNECTION=database, **CALM)
    image = rig.api.create()
    rig.arm("block", "before-commit")
    upload = in_background(rig.api.upload, image["id"], bytes(BLOCK))
    rig.wait_reached()

    server.stop()
    rig.go()
    time.sleep(1)
    assert not upload.done()
    server.start()

    assert upload.result(40).status == 204
    rig.assert_holds(image["id"], bytes(BLOCK))
    rig.assert_clean()


# Cut off --------------------------------------------------------------------------------------------------------------


def kill_connections(server: DatabaseServer, database: str) -> int:
    """Let the server end every connection to this database; how many there were."""
    name = urlsplit(database).path[1:]
    if server.kind == "postgresql":
        return len(
            read_rows(server.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?", name)
        )
    found = read_rows(server.url, "SELECT id FROM information_schema.processlist WHERE db = ?", name)
    for (number,) in found:
        with suppress(Exception):  # gone by itself
            change_rows(server.url, f"KILL {number}")
    return len(found)


@on_server
@together_and_apart
def test_nobody_notices_that_idle_connections_were_ended(
    start_rig: Callable[..., Rig], server: DatabaseServer, database: str, deployment: str
) -> None:
    rig = start_rig(deployment, DATABASE_CONNECTION=database, **CALM)
    image = rig.api.create()
    requests: tuple[Callable[[], Reply], ...] = (
        lambda: rig.api.get("/v2/images"),
        lambda: rig.api.post("/v2/images", {}),
        lambda: rig.api.patch(image["id"], RENAME),
        lambda: rig.api.upload(image["id"], b"data"),
        lambda: rig.api.delete(f"/v2/images/{image['id']}"),
    )
    for request in requests:
        use_many_connections(rig)
        assert kill_connections(server, database)

        reply = request()

        assert reply.status < 300, reply.text


def use_many_connections(rig: Rig) -> None:
    """Let the pool hold several."""
    for reply in [in_background(rig.api.get, "/v2/images") for _ in range(6)]:
        assert reply.result(30).status == 200


@on_server
@together_and_apart
def test_connections_that_are_ended_at_any_moment_cost_503_at_most_and_nothing_that_was_accepted(
    start_rig: Callable[..., Rig], server: DatabaseServer, database: str, deployment: str
) -> None:
    rig = start_rig(deployment, DATABASE_CONNECTION=database, **CALM)
    rig.api.create()  # the service has started
    ending = threading.Event()
    replies: list[Reply] = []

    def work() -> None:
        while not ending.is_set():
            replies.append(rig.api.post("/v2/images", {}))
            replies.append(rig.api.get("/v2/images?limit=3"))

    workers = [in_background(work) for _ in range(4)]
    end = time.monotonic() + 4
    killed = 0
    while time.monotonic() < end:
        killed += kill_connections(server, database)
        time.sleep(0.02)
    ending.set()
    for worker in workers:
        worker.result(60)

    assert killed
    assert {reply.status for reply in replies} <= {200, 201, 503}, {
        reply.text for reply in replies if reply.status == 500
    }
    for reply in replies:
        if reply.status == 503:
            assert_come_again(reply)
    made = [reply.json["id"] for reply in replies if reply.status == 201]
    assert made
    assert all(rig.status(image_id) == "queued" for image_id in made)
    rig.assert_clean()


# Too many -------------------------------------------------------------------------------------------------------------


@contextmanager
def all_connections_taken(server: DatabaseServer, database: str) -> Iterator[None]:
    """The server has no connection left for the user `service`."""
    with closing(connect(server.url)) as own, closing(own.cursor()) as cursor, ExitStack() as taken:
        if server.kind == "postgresql":
            cursor.execute("ALTER ROLE service CONNECTION LIMIT 0")
            taken.callback(cursor.execute, "ALTER ROLE service CONNECTION LIMIT -1")
            kill_connections(server, database)
        else:
            cursor.execute("SELECT @@global.max_connections")
            taken.callback(cursor.execute, f"SET GLOBAL max_connections = {cursor.fetchone()[0]}")
            cursor.execute("SET GLOBAL max_connections = 10")
            while take_free(server, taken) or kill_by(cursor, database):
                pass
        yield


def take_free(server: DatabaseServer, taken: ExitStack) -> int:
    """Take every connection that MariaDB still gives."""
    for count in range(100):
        try:
            taken.enter_context(closing(connect(server.url)))
        except Exception as refusal:
            assert "Too many connections" in str(refusal)
            return count
    raise AssertionError("there is no end of connections")


def kill_by(cursor: Any, database: str) -> int:
    cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (urlsplit(database).path[1:],))
    found = cursor.fetchall()
    for (number,) in found:
        with suppress(Exception):
            cursor.execute(f"KILL {number}")
    return len(found)


@pytest.fixture
def as_service(server: DatabaseServer, database: str) -> str:
    """The database's URL for a user that is not the superuser, who is never refused."""
    if server.kind == "mysql":
        return database
    if not read_rows(server.url, "SELECT 1 FROM pg_roles WHERE rolname = 'service'"):
        change_rows(server.url, "CREATE ROLE service LOGIN")
    change_rows(server.url, f"ALTER DATABASE {urlsplit(database).path[1:]} OWNER TO service")
    return database.replace("postgres@", "service@")


@on_server
@together_and_apart
def test_a_server_without_a_free_connection_makes_it_503_until_it_has_one(
    start_rig: Callable[..., Rig], server: DatabaseServer, as_service: str, deployment: str
) -> None:
    rig = start_rig(deployment, DATABASE_CONNECTION=as_service, **CALM)
    image = rig.api.create()

    with all_connections_taken(server, as_service):
        reply = rig.api.get(f"/v2/images/{image['id']}")
        assert_come_again(reply)
        assert "too many connections" in reply.text.lower()
        assert_come_again(rig.api.upload(image["id"], b"data"))

    assert rig.status(image["id"]) == "queued"
    rig.assert_takes_upload(image["id"], b"data")
    rig.assert_clean()


# In each other's way --------------------------------------------------------------------------------------------------


@contextmanager
def transaction(database: str) -> Iterator[Callable[..., None]]:
    """A transaction of somebody else's, which is taken back at the end; gives what executes a statement in it."""
    with closing(connect(database)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("BEGIN IMMEDIATE" if KIND == "sqlite" else "BEGIN")

        def execute(statement: str) -> None:
            cursor.execute(statement)

        try:
            yield execute
        finally:
            execute("ROLLBACK")


def wait_for_waiting(database: str) -> None:
    """Until somebody waits for a lock in this database."""
    if KIND == "postgresql":
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    else:
        waiting = "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    eventually(lambda: read_rows(database, waiting), what="somebody who waits")


@on_server
@together_and_apart
def test_who_is_the_victim_of_a_deadlock_tries_again(
    start_rig: Callable[..., Rig], database: str, deployment: str
) -> None:
    rig = start_rig(deployment, DATABASE_CONNECTION=database, **CALM)
    image = rig.api.create()
    assert rig.api.post(f"/v2/images/{image['id']}/members", {"member": "friend"}).status == 200
    change_rows(database, "CREATE TABLE weight (id INTEGER)")

    with transaction(database) as execute:
        for number in range(100):  # MariaDB's victim is who has changed less, PostgreSQL's who has waited longer
            execute(f"INSERT INTO weight VALUES ({number})")
        execute("UPDATE image_members SET status = 'accepted'")
        deletion = in_background(rig.api.delete, f"/v2/images/{image['id']}")
        wait_for_waiting(database)  # it has the image, and wants its members
        execute("UPDATE images SET name = 'in a circle'")

    assert deletion.result(30).status == 204
    assert rig.api.get(f"/v2/images/{image['id']}").status == 404
    assert deadlocks(database)
    rig.assert_clean()


def deadlocks(database: str) -> int:
    """How many the server has found."""
    if KIND == "postgresql":
        statement = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ((count,),) = eventually(
            lambda: [row for row in read_rows(database, statement) if row[0]], what="a deadlock in the statistics"
        )
    else:
        ((_, count),) = read_rows(database, "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
    return int(count)


@pytest.mark.only_on("postgresql")
@together_and_apart
def test_a_serialization_failure_is_tried_again(start_rig: Callable[..., Rig], database: str, deployment: str) -> None:
    name = urlsplit(database).path[1:]
    change_rows(database, f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    rig = start_rig(deployment, DATABASE_CONNECTION=database, **CALM)
    image = rig.api.create()

    with transaction(database) as execute:
        execute("UPDATE images SET min_ram = 7, revision = revision + 1")
        change = in_background(rig.api.patch, image["id"], RENAME)
        wait_for_waiting(database)
        execute("COMMIT")

    assert change.result(30).status == 200
    shown = rig.api.show(image["id"])
    assert (shown["name"], shown["min_ram"]) == ("new", 7)


@on_server
@together_and_apart
def test_where_all_connections_wait_for_a_lock_others_are_told_to_come_again(
    start_rig: Callable[..., Rig], database: str, deployment: str
) -> None:
    rig = start_rig(deployment, DATABASE_CONNECTION=database, DATABASE_MAX_CONNECTIONS="1", **CALM)
    image = rig.api.create()

    with transaction(database) as execute:
        execute("UPDATE images SET min_ram = 7")
        change = in_background(rig.api.patch, image["id"], RENAME)
        wait_for_waiting(database)

        assert_come_again(rig.api.get(f"/v2/images/{image['id']}"))

    assert change.result(30).status == 200
    assert rig.api.show(image["id"])["name"] == "new"


@pytest.mark.only_on("sqlite")
@together_and_apart
def test_a_locked_sqlite_is_waited_for(start_rig: Callable[..., Rig], deployment: str) -> None:
    rig = start_rig(deployment, **CALM)
    image = rig.api.create()

    with transaction(rig.service.database) as execute:
        execute("UPDATE images SET min_ram = 7")
        change = in_background(rig.api.patch, image["id"], RENAME)
        assert rig.api.show(image["id"])["name"] is None  # who only reads does not wait
        time.sleep(1)
        assert not change.done()

    assert change.result(30).status == 200
    assert rig.api.show(image["id"])["name"] == "new"


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
@together_and_apart
def test_a_sqlite_that_stays_locked_makes_it_503_until_it_is_free(
    start_rig: Callable[..., Rig], deployment: str
) -> None:
    rig = start_rig(deployment, **CALM)
    image = rig.api.create()

    with transaction(rig.service.database):
        assert_come_again(rig.api.patch(image["id"], RENAME))

    assert rig.api.patch(image["id"], RENAME).status == 200
    assert_well(rig)
