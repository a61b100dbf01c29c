"""The registry on PostgreSQL: what is held back and sent together, and what is prepared."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import peewee
import pytest
from contract.registry_rig import CTX, new

from glancelite.domain.query import ImageQuery
from glancelite.errors import RegistryUnavailable
from glancelite.registry.database import Repeatable
from glancelite.registry.local import LocalRegistry
from glancelite.registry.models import ImageRow, WorkRow

pytestmark = pytest.mark.only_on("postgresql")

SLEEP = """
import sys
from glancelite.registry.database import open_database
db = open_database(sys.argv[1], 1)
db.execute_sql("SELECT 1")
try:
    print("ready", flush=True)
    db.execute_sql("SELECT pg_sleep(60)")
except KeyboardInterrupt:
    print(db.execute_sql("SELECT 2").fetchone() if db.close() or db.connect() else None)
"""


@pytest.fixture
def messages(local: LocalRegistry, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the server from now on."""
    from glancelite.registry.postgres import _Connection

    sent: list[str] = []
    ask = _Connection._ask
    monkeypatch.setattr(_Connection, "_ask", lambda self, message: (sent.append(message), ask(self, message))[1])
    return sent


def test_what_nobody_waits_for_is_sent_with_what_somebody_does(local: LocalRegistry, messages: list[str]) -> None:
    for _ in range(3):  # by then all of it is prepared
        messages.clear()
        image = new(local, properties={"a": "1"})
        changed = local.update_image(CTX, image, {"properties": {"a": "2"}})
        local.delete_image(CTX, image.id, changed.revision, None)

    create, change, delete = messages[:2], messages[2:4], messages[4:]
    assert [message.count("EXECUTE") for message in create] == [1, 1]
    assert [message.count("EXECUTE") for message in change] == [1, 2]
    assert len(delete) == 2
    for transaction in (create, change, delete):
        assert transaction[0].startswith("BEGIN;")
        assert transaction[-1].endswith(";COMMIT")


def test_a_transaction_without_a_statement_is_none(local: LocalRegistry, messages: list[str]) -> None:
    with local._transaction():
        pass

    assert messages == []


def test_what_was_held_back_is_done_before_it_is_read(local: LocalRegistry) -> None:
    image = new(local)
    with local._transaction():
        local._do(ImageRow.update(name="held").where(ImageRow.id == image.id))

        assert local._read_image(image.id).name == "held"


def test_of_a_transaction_that_is_given_up_nothing_is_sent_later(local: LocalRegistry) -> None:
    image = new(local)
    with pytest.raises(ZeroDivisionError), local._transaction():
        local._do(ImageRow.update(name="held").where(ImageRow.id == image.id))
        raise ZeroDivisionError

    assert local.show_image(CTX, image.id).name is None


def test_what_fails_with_the_commit_leaves_nothing(local: LocalRegistry) -> None:
    image = new(local)
    row = {"id": "w", "kind": "k", "image_id": image.id, "process": "p", "status": "saving", "if_lost": "queued"}
    with pytest.raises(peewee.IntegrityError), local._transaction():
        local._do(ImageRow.update(name="held").where(ImageRow.id == image.id))
        local._do(WorkRow.insert(row))
        local._do(WorkRow.insert(row))

    assert local.show_image(CTX, image.id).name is None


def test_who_is_the_victim_of_a_deadlock_at_the_commit_is_told_that_nothing_was_done(local: LocalRegistry) -> None:
    first, second = new(local), new(local)
    both_hold_one, outcomes = threading.Barrier(2), []

    def rename(one: str, other: str) -> None:
        try:
            with local._transaction():
                local._change(ImageRow.update(name="mine").where(ImageRow.id == one))
                both_hold_one.wait(10)
                local._do(ImageRow.update(name="mine").where(ImageRow.id == other))
            outcomes.append("done")
        except Repeatable:
            outcomes.append("again")
        except RegistryUnavailable:
            outcomes.append("unknown")

    racers = [threading.Thread(target=rename, args=ids) for ids in ((first.id, second.id), (second.id, first.id))]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert sorted(outcomes) == ["again", "done"]


def test_a_lock_that_is_not_had_in_time_at_the_commit_says_that_nothing_was_done(
    local: LocalRegistry,
) -> None:
    image = new(local)
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with local._transaction():
            local._change(ImageRow.update(name="first").where(ImageRow.id == image.id))
            is_held.set()
            may_end.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait(10)
    with pytest.raises(Repeatable), local._transaction():
        local._db.execute_sql("SET LOCAL lock_timeout = 50")
        local._do(ImageRow.update(name="second").where(ImageRow.id == image.id))
    may_end.set()
    holder.join()

    assert local.show_image(CTX, image.id).name == "first"


@pytest.mark.parametrize("moment", ["commit", "push_transaction"])
def test_what_an_interrupted_transaction_held_back_is_never_sent(
    local: LocalRegistry, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    image = new(local)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(local._db, moment, interrupt)
        with local._transaction():
            local._do(ImageRow.update(name="held").where(ImageRow.id == image.id))

    with local._connection():
        assert local._db.connection().held == []
        local._change(ImageRow.update(min_ram=7).where(ImageRow.id == image.id))
    found = local.show_image(CTX, image.id)
    assert (found.name, found.min_ram) == (None, 7)


def test_what_is_held_back_has_a_limit(local: LocalRegistry, messages: list[str]) -> None:
    images = [new(local) for _ in range(3)]
    messages.clear()
    with local._transaction():
        for number in range(250):
            local._do(ImageRow.update(min_disk=number).where(ImageRow.id == images[number % 3].id))

    assert len(messages) < 10
    assert max(message.count(";") for message in messages) <= 100
    assert [local.show_image(CTX, image.id).min_disk for image in images] == [249, 247, 248]


def test_statements_that_a_pooler_has_dropped_are_prepared_anew(local: LocalRegistry) -> None:
    image = new(local)
    for _ in range(3):
        local.show_image(CTX, image.id)
    with local._connection():
        local._db.execute_sql("DISCARD ALL")

    assert local.show_image(CTX, image.id) == image


NUMBERS = [0, 1, -1, -5, 2**63 - 1, 6 - 2**63, 2**63, 2**70]


@pytest.mark.parametrize("number", NUMBERS)
def test_any_number_is_what_it_is(local: LocalRegistry, number: int) -> None:
    with local._connection():
        for _ in range(3):
            assert local._db.execute_sql("SELECT 5 -%s, %s", (number, number)).fetchone() == (5 - number, number)


TRICKY = [
    "",
    "'",
    "''; DROP TABLE images; --",
    "\\",
    "\\'",
    "%s",
    "100 %",
    "%%",
    "$1",
    "é\u20ac\U0001f600",
    "\n",
    "x" * 255,
]


@pytest.mark.parametrize("text", TRICKY)
def test_any_text_comes_back_as_it_was(local: LocalRegistry, text: str) -> None:
    for _ in range(3):  # as it is, and prepared
        image = new(local, name=text, properties={"p": text}, tags=(text,), protected=True, min_disk=2**31 - 1)
        (found,) = local.list_images(CTX, ImageQuery(10, tags=(text,), properties=(("p", text),)))

        assert local.show_image(CTX, image.id) == image
        assert (found, found.name, found.tags, found.protected) == (image, text, (text,), True)
        local.delete_image(CTX, image.id, 0, None)


def test_a_text_with_a_nul_is_refused_and_not_cut(local: LocalRegistry) -> None:
    with pytest.raises(peewee.DataError):
        new(local, name="a\0b")


def test_statements_that_were_not_used_for_long_are_forgotten_by_the_server_too(local: LocalRegistry) -> None:
    image = new(local)
    for limit in range(1, 251):
        for _ in range(2):
            assert [found.id for found in local.list_images(CTX, ImageQuery(limit))] == [image.id]

    with local._connection():
        ((prepared,),) = local._db.execute_sql("SELECT COUNT(*) FROM pg_prepared_statements").fetchall()
    assert 190 <= prepared <= 200
    assert local.show_image(CTX, new(local).id).owner == image.owner


def test_who_waits_for_the_server_can_be_interrupted(new_url: Callable[[], str]) -> None:
    waiting = subprocess.Popen([sys.executable, "-c", SLEEP, new_url()], stdout=subprocess.PIPE, text=True)
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "ready\n"

    time.sleep(0.3)  # by now it waits
    waiting.send_signal(signal.SIGINT)

    assert waiting.communicate(timeout=20)[0] == "(2,)\n"


def test_a_page_behind_a_marker_is_planned_a_few_times_and_then_no_more(local: LocalRegistry) -> None:
    model, last = new(local), 20_000
    with local._connection():
        names = [f'"{column.name}"' for column in local._db.get_columns("images")]
        copied = {'"id"': "gen_random_uuid()::text", '"created_at"': "created_at - number * 1000"}
        values = ", ".join(copied.get(name, name) for name in names)
        rows = f"SELECT {values} FROM images, generate_series(1, {last}) AS number"
        local._db.execute_sql(f"INSERT INTO images ({', '.join(names)}) {rows}")
        local._db.execute_sql("ANALYZE")
        oldest = local._db.execute_sql("SELECT id FROM images ORDER BY created_at LIMIT 20").fetchall()
    for (image_id,) in oldest:  # behind them come few, as PostgreSQL knows
        local.list_images(CTX, ImageQuery(100, marker=image_id))

    with local._connection():
        plans = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%%LIMIT 100%%'"
        ((generic, custom),) = local._db.execute_sql(plans).fetchall()
    assert (generic > 5, custom) == (True, 5)
    assert local.show_image(CTX, model.id) == model
