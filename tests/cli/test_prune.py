"""`image prune`: what newer versions have taken the place of, or what is old, goes; nothing else does."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cli.conftest import Canned, Run
from cli.sending import ids
from harness import command
from terminal import on_terminal

Make = Callable[..., str]


@pytest.fixture
def make(glancelite: Run, name: str) -> Make:
    """Make an active image of this name; its id."""

    def run(*words: str, called: str = name) -> str:
        return glancelite("image", "create", called, *words, "-f", "value", "-c", "id", stdin=b"data").out.strip()

    return run


def gone(done: Any) -> list[str]:
    """The ids that were listed."""
    assert done.code == 0, done.err
    return [row["ID"] for row in done.json]


def test_the_newest_of_a_name_stay(glancelite: Run, name: str, make: Make) -> None:
    images = [make() for _ in range(4)]
    other = make("--property", f"of={name}", called=f"{name}-other")

    done = glancelite("image", "prune", "--keep", "2", "--name", name, "--yes", "-f", "json")

    assert gone(done) == images[:2]
    assert sorted(ids(glancelite, name)) == sorted(images[2:])
    assert gone(glancelite("image", "prune", "--keep", "1", "--property", f"of={name}", "--yes", "-f", "json")) == []
    assert ids(glancelite, f"{name}-other") == [other]


def test_a_dry_run_deletes_nothing(glancelite: Run, name: str, make: Make) -> None:
    images = [make() for _ in range(3)]

    done = glancelite("image", "prune", "--keep", "1", "--name", name, "--dry-run", "-f", "json")

    assert gone(done) == images[:2]
    assert sorted(ids(glancelite, name)) == sorted(images)


def test_hidden_versions_count_and_go(glancelite: Run, name: str, make: Make) -> None:
    hidden = [make("--hidden") for _ in range(2)]
    newest = make()

    done = glancelite("image", "prune", "--keep", "2", "--name", name, "--yes", "-f", "json")

    assert gone(done) == hidden[:1]
    assert ids(glancelite, name) == [newest]


@pytest.mark.parametrize("which", ["true", "false"])
def test_hidden_versions_may_be_asked_for_alone(glancelite: Run, name: str, make: Make, which: str) -> None:
    hidden, visible = [make("--hidden") for _ in range(2)], [make() for _ in range(2)]
    words = ("--name", name, "--property", f"os_hidden={which}", "--yes", "-f", "json")

    done = glancelite("image", "prune", "--keep", "1", *words)

    assert gone(done) == [(hidden if which == "true" else visible)[0]]


def test_protected_images_and_those_without_data_stay(glancelite: Run, name: str, make: Make) -> None:
    protected = make("--protected")
    old = make()
    queued = glancelite("image", "create", name, "-f", "value", "-c", "id").out.strip()
    deactivated = make()
    glancelite("image", "set", deactivated, "--deactivate")
    newest = make()

    done = glancelite("image", "prune", "--keep", "1", "--name", name, "--yes", "-f", "json")

    assert gone(done) == [old]
    assert "Left alone, being protected: 1 image(s)." in done.err
    assert sorted(ids(glancelite, name)) == sorted([protected, queued, deactivated, newest])
    glancelite("image", "set", protected, "--unprotected")


def test_images_without_a_name_are_no_versions(glancelite: Run, name: str, make: Make) -> None:
    images = [make("--tag", name, called="") for _ in range(2)]

    assert gone(glancelite("image", "prune", "--keep", "1", "--tag", name, "--yes", "-f", "json")) == []
    assert gone(glancelite("image", "prune", "--older-than", "1h", "--tag", name, "--yes", "-f", "json")) == []
    assert gone(glancelite("image", "prune", "--older-than", "0m", "--tag", name, "--yes", "-f", "json")) == images


def test_nothing_is_deleted_where_nobody_can_be_asked(glancelite: Run, name: str, make: Make) -> None:
    images = [make() for _ in range(2)]

    done = glancelite("image", "prune", "--keep", "1", "--name", name)

    assert (done.code, "there is nobody to ask" in done.err) == (1, True), done.err
    assert sorted(ids(glancelite, name)) == sorted(images)


@pytest.mark.parametrize(("key", "code", "left"), [("y", 0, 1), ("n", 130, 2)])
def test_on_a_terminal_it_asks(
    glancelite: Run, name: str, make: Make, environ: dict[str, str], key: str, code: int, left: int
) -> None:
    old, _ = make(), make()
    with on_terminal(command("image", "prune", "--keep", "1", "--name", name), environ) as terminal:
        assert old in terminal.wait_for("Delete 1 image(s)? [y/N]: ")
        terminal.type(f"{key}\n")
        assert terminal.end() == code, terminal.plain
    assert len(ids(glancelite, name)) == left


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Say what is to go: --keep, --older-than or both."),
        (["--keep", "0"], "--keep"),
        (["--older-than", "soon"], "'soon' is not a number of days, nor one with m, h, d or w."),
        (["--older-than", "1y"], "'1y' is not a number of days"),
        (["--older-than", "999999"], "'999999' is before there were years."),
        (["--keep", "1", "--public", "--private"], "exclude each other"),
        (["--keep", "1", "--property", "limit=1"], "cannot be filtered by a property called 'limit'"),
    ],
)
def test_what_is_not_said_well_deletes_nothing(glancelite: Run, words: list[str], said: str) -> None:
    done = glancelite("image", "prune", *words, "--yes")
    assert (done.code, done.out, said in done.err) == (2, "", True), done.err


# A service that tells what a test needs -------------------------------------------------------------------------------


class Ages:
    """A service with images of these ages in days; `owner` is whose they are."""

    def __init__(self, canned: Canned, *days: float, **fields: Any) -> None:
        now = datetime.now(UTC)
        self.asked: list[dict[str, list[str]]] = []
        self.deleted: list[str] = []
        self.images = [
            {"id": f"{number}", "name": "x", "owner": "p", "status": "active", "size": 1, "protected": False,
             "created_at": (now - timedelta(days=age)).strftime("%Y-%m-%dT%H:%M:%SZ"), **fields}
            for number, age in enumerate(days)
        ]  # fmt: skip
        canned.answers["GET", "/v2/images"] = self.list
        for image in self.images:
            canned.answers["DELETE", f"/v2/images/{image['id']}"] = self.delete

    def list(self, handler: Any) -> None:
        query = parse_qs(urlsplit(handler.path).query)
        self.asked.append(query)
        handler.say(200, {}, {"images": [] if "os_hidden" in query else self.images})

    def delete(self, handler: Any) -> None:
        self.deleted.append(handler.path.rpartition("/")[2])
        handler.say(204, {}, b"")


@pytest.mark.parametrize(
    ("words", "deleted"),
    [
        (["--older-than", "30"], ["4", "3"]),
        (["--older-than", "30d"], ["4", "3"]),
        (["--older-than", "1w"], ["4", "3", "2"]),
        (["--older-than", "36h"], ["4", "3", "2", "1"]),
        (["--older-than", "30m"], ["4", "3", "2", "1", "0"]),
        (["--older-than", "30", "--keep", "4"], ["4"]),
        (["--older-than", "90", "--keep", "1"], []),
        (["--keep", "3"], ["4", "3"]),
    ],
)
def test_age_and_number_together(glancelite: Run, canned: Canned, words: list[str], deleted: list[str]) -> None:
    service = Ages(canned, 1, 2, 10, 40, 80)

    done = glancelite("image", "prune", *words, "--yes", OS_ENDPOINT=canned.url)

    assert (done.code, service.deleted) == (0, deleted), done.err


def test_versions_are_of_one_owner(glancelite: Run, canned: Canned) -> None:
    service = Ages(canned, 1, 2, 3)
    service.images[1]["owner"] = "q"

    assert glancelite("image", "prune", "--keep", "1", "--yes", OS_ENDPOINT=canned.url).code == 0

    assert service.deleted == ["2"]


def test_it_goes_on_where_one_cannot_be_deleted(glancelite: Run, canned: Canned) -> None:
    service = Ages(canned, 1, 2, 3, 4)
    canned.answers["DELETE", "/v2/images/2"] = (409, {}, {"message": "It is in use."})
    canned.answers["DELETE", "/v2/images/3"] = (404, {}, {"message": "It is gone."})

    done = glancelite("image", "prune", "--keep", "1", "--yes", "-f", "value", "-c", "ID", OS_ENDPOINT=canned.url)

    assert (done.code, done.out, service.deleted) == (1, "1\n", ["1"])
    assert "Cannot delete image 2:" in done.err and "Failed to delete 1 of 2 images." in done.err


def test_an_image_that_is_hidden_between_two_looks_counts_once(glancelite: Run, canned: Canned) -> None:
    service = Ages(canned, 1)
    canned.answers["GET", "/v2/images"] = lambda handler: handler.say(200, {}, {"images": service.images})

    assert glancelite("image", "prune", "--keep", "1", "--yes", OS_ENDPOINT=canned.url).code == 0

    assert service.deleted == []


def test_what_others_own_is_no_failure_where_nobody_knows_whose_it_is(glancelite: Run, canned: Canned) -> None:
    service = Ages(canned, 1, 2, 3)
    canned.answers["DELETE", "/v2/images/1"] = (403, {}, {"message": "It is another's."})

    done = glancelite("image", "prune", "--keep", "1", "--yes", OS_ENDPOINT=canned.url)
    named = glancelite("image", "prune", "--keep", "1", "--yes", "--project", "p", OS_ENDPOINT=canned.url)

    assert (done.code, "Left alone, being others': 1 image(s)." in done.err) == (0, True), done.err
    assert (named.code, service.deleted) == (1, ["2", "2"]), named.err


def test_what_was_deleted_is_told_when_the_service_goes_away(glancelite: Run, canned: Canned) -> None:
    Ages(canned, 1, 2, 3)
    canned.answers["DELETE", "/v2/images/1"] = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)

    done = glancelite("image", "prune", "--keep", "1", "--yes", "-f", "value", "-c", "ID", OS_ENDPOINT=canned.url)

    assert (done.code, done.out) == (1, "2\n")
    assert "Cannot prune images:" in done.err


@pytest.mark.parametrize(("words", "owner"), [([], "own"), (["--project", "other"], "other")])
def test_of_a_keystone_s_projects_only_ones_images_are_pruned(
    glancelite: Run, canned: Canned, words: list[str], owner: str
) -> None:
    service = Ages(canned, 1, 2, owner=owner)
    login = log_in(canned, project={"id": "own", "name": "own", "domain": {"id": "d", "name": "d"}})
    canned.answers["GET", "/v3/projects/other"] = (200, {}, {"project": {"id": "other", "name": "other"}})
    canned.answers["GET", "/v3/projects"] = (200, {}, {"projects": [{"id": "other", "name": "other"}]})

    done = glancelite("image", "prune", "--keep", "1", "--yes", *words, **login)

    assert done.code == 0, done.err
    assert [query["owner"] for query in service.asked] == [[owner]] * 2
    assert service.deleted == ["1"]


def test_a_login_without_a_project_must_say_whose_images(glancelite: Run, canned: Canned) -> None:
    service = Ages(canned, 1, 2)

    done = glancelite("image", "prune", "--keep", "1", "--yes", **log_in(canned))

    assert (done.code, "say with --project whose images are meant" in done.err) == (1, True), done.err
    assert service.deleted == []


def log_in(canned: Canned, **scope: Any) -> dict[str, str | None]:
    """The environment of somebody who logs in at a Keystone, and what its token is for."""
    keystone = canned.be_keystone(r=f"{canned.url}/v2")
    token = canned.answers["POST", "/v3/auth/tokens"][2]["token"]
    own = {"interface": "public", "region": "r", "region_id": "r", "url": keystone, "id": "k"}
    token["catalog"].append({"type": "identity", "name": "keystone", "id": "2", "endpoints": [own]})
    token.update(scope)
    names = {"OS_USERNAME": "ann", "OS_PASSWORD": "p", "OS_USER_DOMAIN_ID": "d"}
    return {"OS_AUTH_TYPE": "password", "OS_AUTH_URL": keystone, "OS_ENDPOINT": None, **names}
