"""Who the caller is: what auth filters say reaches the context, what clients claim does not."""

import json

import pytest

from glancelite.domain.context import ENVIRON_KEY, IDENTITY_HEADERS, Context
from glancelite.errors import ConfigError
from glancelite.middleware.base import CHALLENGE_KEY, PEER_KEY, REQUEST_ID_KEY
from glancelite.middleware.file_auth import FileAuth
from glancelite.middleware.identity import Identity
from glancelite.middleware.none_auth import NoneAuth
from glancelite.middleware.trusted_auth import TrustedAuth
from glancelite.users import UsersFile

CLAIMS = dict.fromkeys(IDENTITY_HEADERS, "admin") | {"X-Identity-Status": "Confirmed"}
ALICE = {"X-Identity-Status": "Confirmed", "X-User-Id": "alice", "X-Project-Id": "demo", "X-Roles": "Member, READER"}
SET_BY_US = {"X-Identity-Status", "X-User-Id", "X-Project-Id", "X-Roles"}


def wire(text):
    """A header value as WSGI carries it."""
    return text.encode().decode("latin-1")


def variable(name):
    return "HTTP_" + name.upper().replace("-", "_")


def test_confirmed_headers_become_the_context(app, ask):
    headers = ALICE | {"X-Service-Roles": "Service"}
    assert ask(Identity(app), headers=headers, **{REQUEST_ID_KEY: "req-1"}).body == b"hello"
    assert app.environ[ENVIRON_KEY] == Context("demo", "alice", ("member", "reader"), ("service",), "req-1")


def test_names_arrive_as_utf_8(app, ask):
    ask(Identity(app), headers=ALICE | {"X-User-Id": wire("Zoë 雪")})
    assert app.environ[ENVIRON_KEY].user_id == "Zoë 雪"


def test_the_older_name_of_the_project_header_is_understood(app, ask):
    both = ALICE | {"X-Tenant-Id": "old"}
    assert ask(Identity(app), headers=both).status_int == 400  # one of the two is the client's own
    del both["X-Project-Id"]
    ask(Identity(app), headers=both)
    assert app.environ[ENVIRON_KEY].project_id == "old"


def test_a_service_that_is_not_confirmed_has_no_roles(app, ask):
    ask(Identity(app), headers=ALICE | {"X-Service-Roles": "service", "X-Service-Identity-Status": "Invalid"})
    assert app.environ[ENVIRON_KEY].service_roles == ()


def test_a_caller_may_have_neither_project_nor_roles(app, ask):
    ask(Identity(app), headers={"X-Identity-Status": "Confirmed", "X-Roles": " , "})
    assert app.environ[ENVIRON_KEY] == Context()


@pytest.mark.parametrize("status", [None, "Invalid", "confirmed", "Confirmed,Confirmed", "Invalid,Confirmed", ""])
def test_whoever_is_not_confirmed_gets_401_in_the_one_shape(app, ask, status):
    headers = {name: value for name, value in (ALICE | {"X-Identity-Status": status}).items() if value is not None}
    response = ask(Identity(app), headers=headers | {"Accept": "application/json"}, **{CHALLENGE_KEY: "Basic"})
    assert (response.status_int, response.headers["WWW-Authenticate"]) == (401, "Basic")
    assert json.loads(response.body)["message"] == "This request needs credentials."
    assert app.calls == 0


def test_wrong_credentials_are_told_from_missing_ones(app, ask):
    for headers in ({"X-Auth-Token": "x"}, {"Authorization": "Basic x"}):
        assert "credentials of this request are not valid" in ask(Identity(app), headers=headers).text


def test_anonymous_access_is_nobody_without_a_project_or_roles(app, ask):
    headers = ALICE | {"X-Identity-Status": "Invalid"}
    ask(Identity(app, allow_anonymous_access="true"), headers=headers, **{REQUEST_ID_KEY: "req-1"})
    assert app.environ[ENVIRON_KEY] == Context(request_id="req-1", is_anonymous=True)


@pytest.mark.parametrize("name", ["X-User-Id", "X-Project-Id", "X-Tenant-Id", "X-Roles", "X-Service-Roles"])
@pytest.mark.parametrize("value", ["\xff\xfe", "a\x00b", "a\nb", "a\x7f", "\xc2\x85", "\u96ea"])
def test_a_value_that_cannot_be_read_is_400_and_named(app, ask, name, value):
    environ = {variable(key): text for key, text in ALICE.items() if key != "X-Project-Id" or name != "X-Tenant-Id"}
    response = ask(Identity(app), **environ | {variable(name): value})
    assert response.status_int == 400
    assert name in response.text
    assert app.calls == 0


@pytest.mark.parametrize("name", ["X-User-Id", "X-Project-Id"])
@pytest.mark.parametrize("value", ["admin,alice", "x" * 256])
def test_two_identities_in_one_header_are_400(app, ask, name, value):
    response = ask(Identity(app), headers=ALICE | {name: value})
    assert response.status_int == 400
    assert "one value" in response.text


def test_without_auth_everyone_is_the_one_user(app, ask):
    ask(NoneAuth(Identity(app)))
    assert app.environ[ENVIRON_KEY] == Context("default", "default", ("admin", "member", "reader"))
    ask(NoneAuth(Identity(app), project="Zoë", user="u", roles="reader"))
    assert app.environ[ENVIRON_KEY] == Context("Zoë", "u", ("reader",))


@pytest.mark.parametrize("name", IDENTITY_HEADERS)
def test_no_identity_header_of_a_client_gets_past_an_auth_filter(app, ask, tmp_path, name):
    for filter_ in (
        NoneAuth(app, user="me", project="mine", roles="reader"),
        TrustedAuth(app),
        FileAuth(app, users=UsersFile(tmp_path / "users.json")),
    ):
        ask(filter_, headers={name: "evil"})
        assert "evil" not in app.environ.values()
        ask(filter_, headers={name.replace("-", "_").lower(): "evil"})
        assert "evil" not in app.environ.values()


def test_a_client_that_claims_everything_is_nobody(app, ask, tmp_path):
    assert ask(TrustedAuth(Identity(app)), headers=CLAIMS).status_int == 401
    filter_ = FileAuth(Identity(app), users=UsersFile(tmp_path / "users.json"))
    assert ask(filter_, headers=CLAIMS).status_int == 401
    assert app.calls == 0
    ask(NoneAuth(app, user="me", project="mine", roles="reader"), headers=CLAIMS)
    left = {name for name in IDENTITY_HEADERS if variable(name) in app.environ}
    assert left == SET_BY_US
    assert app.environ["HTTP_X_ROLES"] == "reader"


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_a_trusted_proxy_says_who_the_caller_is(app, ask, peer):
    ask(TrustedAuth(Identity(app)), headers=ALICE, REMOTE_ADDR=peer)
    assert app.environ[ENVIRON_KEY].user_id == "alice"


@pytest.mark.parametrize("peer", ["192.0.2.7", "126.255.255.255", "::2", "", "127.0.0.1.evil", "localhost"])
def test_nobody_else_is_believed(app, ask, peer):
    assert ask(TrustedAuth(Identity(app)), headers=ALICE, REMOTE_ADDR=peer).status_int == 401


def test_trust_is_for_the_connected_peer_not_for_a_forwarded_address(app, ask):
    environ = {"REMOTE_ADDR": "127.0.0.1", PEER_KEY: "192.0.2.7"}
    assert ask(TrustedAuth(Identity(app)), headers=ALICE, **environ).status_int == 401
    environ = {"REMOTE_ADDR": "192.0.2.7", PEER_KEY: "127.0.0.1"}
    assert ask(TrustedAuth(Identity(app)), headers=ALICE, **environ).status_int == 200


def test_a_header_cannot_pose_as_the_peer(app, ask):
    assert ask(TrustedAuth(Identity(app)), headers=ALICE | {PEER_KEY: "127.0.0.1"}).status_int == 401


def test_trusted_proxies_can_be_named(app, ask):
    filter_ = TrustedAuth(Identity(app), trusted_proxies="10.0.0.0/24")
    assert ask(filter_, headers=ALICE, REMOTE_ADDR="10.0.0.9").status_int == 200
    assert ask(filter_, headers=ALICE, REMOTE_ADDR="127.0.0.1").status_int == 401
    with pytest.raises(ConfigError, match="nowhere"):
        TrustedAuth(app, trusted_proxies="nowhere")
