"""The users file: what it keeps, what it refuses, and that no change is lost."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from glancelite.errors import BadRequest, ConfigError, Conflict, TokenNotFound, UserNotFound
from glancelite.users import User, UsersFile

ALICE = User("alice", "demo", ("member", "reader"))


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A file with one user, made once: hashing a password takes its time."""
    users = UsersFile(tmp_path_factory.mktemp("once") / "users.json")
    users.add_user("alice", "swordfish", "demo", ["Member", "reader", "member"])
    return users.path.read_bytes()


@pytest.fixture
def users(tmp_path, content):
    users = UsersFile(tmp_path / "users.json")
    users.path.write_bytes(content)
    return users


def test_a_user_is_known_by_name_and_password(users):
    assert users.verify_password("alice", "swordfish") == ALICE
    assert users.verify_password("alice", "swordfist") is None
    assert users.verify_password("Alice", "swordfish") is None
    assert users.verify_password("bob", "swordfish") is None


def test_users_are_listed_by_name(users):
    users.add_user("Zoë", "x", "雪", [])
    assert users.list_users() == (User("Zoë", "雪", ()), ALICE)


def test_another_process_sees_a_change_at_once(users):
    other = UsersFile(users.path)
    assert other.list_users() == (ALICE,)
    users.add_user("bob", "x", "demo", ["reader"])
    assert [user.name for user in other.list_users()] == ["alice", "bob"]


def test_a_name_is_taken_once(users):
    with pytest.raises(Conflict, match="already a user 'alice'"):
        users.add_user("alice", "other", "other", [])
    assert users.verify_password("alice", "swordfish") == ALICE


def test_a_password_can_be_replaced(users):
    users.set_password("alice", "new")
    assert users.verify_password("alice", "swordfish") is None
    assert users.verify_password("alice", "new") == ALICE


def test_a_token_stands_for_its_user_until_it_is_revoked(users):
    token = users.issue_token("alice")
    assert len(token) >= 43
    assert users.verify_token(token) == ALICE
    users.revoke_token(token)
    assert users.verify_token(token) is None
    with pytest.raises(TokenNotFound):
        users.revoke_token(token)


@pytest.mark.parametrize("token", ["", "x", "\xff", "\udcff", "a" * 9999])
def test_no_other_text_is_a_token(users, token):
    users.issue_token("alice")
    assert users.verify_token(token) is None


def edit_token(users, **changes):
    """Change the only token's record by hand."""
    document = json.loads(users.path.read_text())
    (record,) = document["tokens"].values()
    record.update(changes)
    users.path.write_text(json.dumps(document))


def test_a_token_of_a_user_who_is_gone_is_none(users):
    token = users.issue_token("alice")
    edit_token(users, user="somebody-else")
    assert users.verify_token(token) is None


def test_a_token_runs_out_and_is_swept_away(users):
    token = users.issue_token("alice", lifetime=600)
    assert users.verify_token(token) == ALICE
    (record,) = json.loads(users.path.read_text())["tokens"].values()
    assert 500 < record["expires"] - time.time() <= 600
    edit_token(users, expires=time.time() - 1)
    assert users.verify_token(token) is None
    users.issue_token("alice")
    assert len(json.loads(users.path.read_text())["tokens"]) == 1


def test_unknown_users_are_named(users):
    for action in (lambda: users.set_password("bob", "x"), lambda: users.issue_token("bob")):
        with pytest.raises(UserNotFound, match="no user 'bob'"):
            action()


@pytest.mark.parametrize("lifetime", [0, -1, float("nan"), float("inf")])
def test_a_lifetime_is_above_zero(users, lifetime):
    with pytest.raises(BadRequest, match="lifetime"):
        users.issue_token("alice", lifetime)


@pytest.mark.parametrize("text", ["", " ", " a", "a ", "a:b", "a,b", "a\nb", "a\x00", "a\u2028b", "\udcff", "x" * 256])
def test_names_that_a_header_cannot_carry_are_refused(users, text):
    with pytest.raises(BadRequest, match="user name"):
        users.add_user(text, "x", "demo", [])
    with pytest.raises(BadRequest, match="project"):
        users.add_user("bob", "x", text, [])
    with pytest.raises(BadRequest, match="role"):
        users.add_user("bob", "x", "demo", [text])
    assert users.list_users() == (ALICE,)


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_a_password_has_a_sensible_length(users, password):
    with pytest.raises(BadRequest, match="1 to 1024 bytes"):
        users.set_password("alice", password)


def test_the_file_is_its_owners_alone_and_holds_no_secret(tmp_path):
    users = UsersFile(tmp_path / "data" / "users.json")
    old = os.umask(0)
    try:
        users.add_user("bob", "catfish", "demo", [])
        token = users.issue_token("bob")
    finally:
        os.umask(old)
    assert users.path.stat().st_mode & 0o777 == 0o600
    assert users.path.parent.stat().st_mode & 0o777 == 0o700
    content = users.path.read_text()
    assert not [secret for secret in (token, "catfish") if secret in content]


def test_the_same_password_is_kept_differently_for_each_user(users):
    users.add_user("bob", "swordfish", "demo", [])
    hashes = [record["password"] for record in json.loads(users.path.read_text())["users"].values()]
    assert hashes[0] != hashes[1]


def test_a_change_that_fails_leaves_the_old_file_and_nothing_else(users, monkeypatch):
    before = users.path.read_bytes()

    def broken(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(ConfigError, match="cannot be changed: No space left"):
        users.add_user("bob", "x", "demo", [])
    assert users.path.read_bytes() == before
    assert sorted(path.name for path in users.path.parent.iterdir()) == ["users.json", "users.json.lock"]


def test_file_and_directory_are_on_disk_before_a_change_returns(users, monkeypatch):
    calls = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append(str(Path(f"/proc/self/fd/{fd}").readlink())), fsync(fd)))
    users.set_password("alice", "new")
    temporary, directory = calls
    assert temporary.startswith(f"{users.path.parent}/.users.json.")
    assert directory == str(users.path.parent)


def test_changes_of_many_processes_at_once_are_all_kept(users):
    script = "import sys; from glancelite.users import UsersFile; UsersFile(sys.argv[1]).issue_token('alice')"
    running = [subprocess.Popen([sys.executable, "-c", script, str(users.path)]) for _ in range(8)]
    assert [process.wait() for process in running] == [0] * 8
    assert len(json.loads(users.path.read_text())["tokens"]) == 8


def test_a_file_that_is_not_there_has_no_users(tmp_path):
    users = UsersFile(tmp_path / "none.json")
    assert users.list_users() == ()
    assert users.verify_password("alice", "x") is None
    assert users.verify_token("x") is None


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b'{"users": [], "tokens": {}}',
        b'{"users": {"a": {}}, "tokens": {}}',
        b'{"users": {"a": {"project": "p", "roles": [], "password": "plain"}}, "tokens": {}}',
        b'{"users": {"a": {"project": "p", "roles": [], "password": "scrypt$99$00$00"}}, "tokens": {}}',
        b'{"users": {"a": {"project": "p", "roles": ["x,y"], "password": "scrypt$15$00$00"}}, "tokens": {}}',
        b'{"users": {"a": {"project": 1, "roles": [], "password": "scrypt$15$00$00"}}, "tokens": {}}',
        b'{"users": {}, "tokens": {"x": {"user": "a", "expires": "soon"}}}',
        b'{"users": {}, "tokens": []}',
    ],
)
def test_a_damaged_file_is_named_and_never_overwritten(users, damage):
    users.path.write_bytes(damage)
    for action in (users.list_users, lambda: users.verify_token("x"), lambda: users.set_password("alice", "x")):
        with pytest.raises(ConfigError, match=rf"{users.path} is damaged"):
            action()
    assert users.path.read_bytes() == damage


def test_a_file_that_cannot_be_read_is_named(users):
    users.path.unlink()
    users.path.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        users.list_users()


def test_an_unknown_name_takes_as_long_as_a_wrong_password(users):
    def seconds(name):
        began = time.process_time()
        users.verify_password(name, "wrong")
        return time.process_time() - began

    unknown, known = (statistics.median(seconds(name) for _ in range(5)) for name in ("bob", "alice"))
    assert known > 0.01
    assert 0.5 < unknown / known < 2
