"""Names with passwords and tokens from the users file let callers in, quickly the second time."""

import threading
import time
from base64 import b64encode

import pytest

from glancelite.domain.context import ENVIRON_KEY, Context
from glancelite.middleware.file_auth import REMEMBERED, FileAuth
from glancelite.middleware.identity import Identity
from glancelite.users import UsersFile


def basic(name, password):
    return {"Authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}


class CountingUsers(UsersFile):
    """Counts how often a password is really checked."""

    checks = 0

    def verify_password(self, name, password):
        self.checks += 1
        return super().verify_password(name, password)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A file with one user, made once: hashing a password takes its time."""
    users = UsersFile(tmp_path_factory.mktemp("once") / "users.json")
    users.add_user("zoë", "sword:fish", "demo", ["member"])
    return users.path.read_bytes()


@pytest.fixture
def users(tmp_path, content):
    users = CountingUsers(tmp_path / "users.json")
    users.path.write_bytes(content)
    return users


@pytest.fixture
def filter_(app, users):
    return FileAuth(Identity(app), users=users)


def test_the_right_password_lets_in(filter_, app, ask):
    assert ask(filter_, headers=basic("zoë", "sword:fish")).body == b"hello"
    assert app.environ[ENVIRON_KEY] == Context("demo", "zoë", ("member",))


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "Bearer  ", None])
def test_a_token_lets_in(filter_, users, app, ask, scheme):
    token = users.issue_token("zoë")
    headers = {"X-Auth-Token": token} if scheme is None else {"Authorization": scheme + token}
    assert ask(filter_, headers=headers).body == b"hello"
    assert app.environ[ENVIRON_KEY].user_id == "zoë"
    users.revoke_token(token)
    assert ask(filter_, headers=headers).status_int == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("zoë", "wrong"),
        basic("zoë", ""),
        basic("", ""),
        basic("nobody", "sword:fish"),
        basic("zoë", "x" * 5000),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + b64encode(b"no colon").decode()},
        {"Authorization": "Basic " + b64encode(b"\xff:\xfe").decode()},
        {"Authorization": "Basic " + b64encode(b"zo\xc3\xab\x00:x").decode()},
        {"Authorization": "Basic \xff"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer \xff\xfe"},
        {"Authorization": "Digest x"},
        {"Authorization": ""},
        {"X-Auth-Token": ""},
        {"X-Auth-Token": "\xff"},
    ],
)
def test_anything_else_is_401_with_a_challenge(filter_, app, ask, headers):
    response = ask(filter_, headers=headers)
    assert response.status_int == 401
    assert response.headers["WWW-Authenticate"] == 'Basic realm="glancelite"'
    assert app.calls == 0


def test_a_burst_of_requests_pays_for_one_check(filter_, users, ask):
    threads = [threading.Thread(target=ask, args=(filter_,), kwargs={"headers": basic("zoë", "sword:fish")})
               for _ in range(20)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert users.checks == 1


def test_a_wrong_password_is_checked_every_time(filter_, users, ask):
    ask(filter_, headers=basic("zoë", "sword:fish"))
    for _ in range(2):
        assert ask(filter_, headers=basic("zoë", "sword:fist")).status_int == 401
    assert users.checks == 3


def test_a_changed_password_counts_at_once(filter_, users, ask):
    assert ask(filter_, headers=basic("zoë", "sword:fish")).status_int == 200
    UsersFile(users.path).set_password("zoë", "new")
    assert ask(filter_, headers=basic("zoë", "sword:fish")).status_int == 401
    assert ask(filter_, headers=basic("zoë", "new")).status_int == 200


def test_a_right_password_is_remembered_for_a_short_time(app, users, ask):
    filter_ = FileAuth(Identity(app), users=users, remember_seconds="0.5")
    for _ in range(2):
        ask(filter_, headers=basic("zoë", "sword:fish"))
    assert users.checks == 1
    time.sleep(0.55)
    ask(filter_, headers=basic("zoë", "sword:fish"))
    assert users.checks == 2


def test_what_is_remembered_is_bounded_and_not_the_password(filter_, users, monkeypatch):
    user = users.list_users()[0]
    monkeypatch.setattr(users, "verify_password", lambda name, password: user)
    for number in range(REMEMBERED + 10):
        filter_.memory.verify("zoë", f"sword{number}")
    assert len(filter_.memory.known) == REMEMBERED
    assert b"sword" not in b"".join(filter_.memory.known)


def test_a_damaged_users_file_is_503_without_a_word_of_where_it_is(filter_, users, ask, caplog):
    users.path.write_text("{")
    response = ask(filter_, headers=basic("zoë", "sword:fish"))
    assert response.status_int == 503
    assert str(users.path) not in response.text
    assert str(users.path) in caplog.text
