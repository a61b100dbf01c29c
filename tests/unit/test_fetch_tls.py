"""Fetching over TLS: the certificate must be valid for the name in the URL, whatever address it is asked at."""

import ssl

import pytest
import trustme
from fakes.remote import Remote, answer, redirect

from glancelite.errors import RemoteRefused, RemoteUnavailable, UriRefused
from glancelite.fetch import Rules, check_url, open_url
from glancelite.fetch.rules import parse_network

DATA = b"a disk image" * 1000


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def serve(authority):
    """Starts remotes whose certificate names a host."""
    started = []

    def start(*names):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(tls)
        tls.sni_callback = lambda sock, name, context: sock.context.heard.append(name)
        tls.heard = []
        started.append(Remote(tls=tls))
        started[-1].heard = tls.heard
        started[-1].pages["/"] = answer(DATA)
        return started[-1]

    yield start
    for remote in started:
        remote.close()


def fetch(remote, host="images.example", *, also=(), **options):
    ports = frozenset(r.port for r in (remote, *also))
    rules = Rules(allowed_ports=ports, allowed_networks=(parse_network("127.0.0.1"),))
    options = {"cap": 1 << 20, "resolve": lambda *_: ["127.0.0.1"], **options}
    with open_url(check_url(remote.url(host=host), rules), rules, **options) as fetched:
        return b"".join(iter(lambda: fetched.read(5000), b""))


def test_a_certificate_for_the_name_is_accepted(serve, ca_file):
    remote = serve("images.example")
    assert fetch(remote, ca_file=ca_file) == DATA
    assert remote.heard == ["images.example"]
    assert remote.asked[0].headers["Host"] == f"images.example:{remote.port}"


def test_a_certificate_for_an_address_is_accepted(serve, ca_file):
    assert fetch(serve("127.0.0.1"), "127.0.0.1", ca_file=ca_file) == DATA


@pytest.mark.parametrize("name", ["other.example", "127.0.0.1", "example", "a.images.example"])
def test_a_certificate_for_another_name_is_refused_before_anything_is_asked(serve, ca_file, name):
    remote = serve(name)
    with pytest.raises(RemoteRefused, match="certificate is not valid"):
        fetch(remote, ca_file=ca_file)
    assert remote.asked == []


def test_an_authority_that_is_not_known_is_refused(serve):
    with pytest.raises(RemoteRefused, match="certificate is not valid"):
        fetch(serve("images.example"))


def test_who_says_so_trusts_anybody(serve):
    assert fetch(serve("other.example"), insecure=True) == DATA


def test_a_redirect_may_not_leave_tls(serve, ca_file):
    remote = serve("images.example")
    plain = Remote()
    try:
        plain.pages["/"] = answer(DATA)
        remote.pages["/"] = redirect(plain.url())
        with pytest.raises(UriRefused, match="leave TLS"):
            fetch(remote, ca_file=ca_file, also=[plain])
        assert plain.connections == 0
    finally:
        plain.close()


def test_a_redirect_may_turn_to_tls_but_takes_no_credentials_along(serve, ca_file):
    remote = serve("127.0.0.1")
    plain = Remote()
    try:
        plain.pages["/"] = redirect(remote.url())
        assert fetch(plain, "127.0.0.1", ca_file=ca_file, also=[remote], headers={"X-Auth-Token": "t0k"}) == DATA
    finally:
        plain.close()
    assert plain.asked[0].headers["X-Auth-Token"] == "t0k"
    assert "X-Auth-Token" not in remote.asked[0].headers


def test_a_stream_that_is_cut_without_goodbye_fails(serve, ca_file):
    remote = serve("images.example")
    remote.pages["/"] = answer(DATA, Content_Length=None)
    with pytest.raises(RemoteUnavailable, match="ended before it was complete"):
        fetch(remote, ca_file=ca_file)


def test_a_stream_goes_on_after_a_silence_that_was_asked_about(serve, ca_file):
    remote, asked = serve("images.example"), []
    whole = answer(DATA)
    remote.pages["/"] = [whole[:-3], lambda ended: ended.wait(1.3), whole[-3:]]
    assert fetch(remote, ca_file=ca_file, check=lambda: asked.append(1)) == DATA
    assert len(asked) >= 3


def test_a_remote_that_does_not_speak_tls_is_unavailable(ca_file):
    plain = Remote()
    try:
        plain.url = lambda target="/", host="": f"https://{host}:{plain.port}{target}"
        with pytest.raises(RemoteUnavailable):
            fetch(plain, ca_file=ca_file, connect_timeout=0.3)
    finally:
        plain.close()


def test_a_handshake_that_never_ends_is_left(serve, ca_file):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute:
        remote = serve("images.example")
        port = mute.getsockname()[1]
        rules = Rules(allowed_ports=frozenset({port, remote.port}), allowed_networks=(parse_network("127.0.0.1"),))
        with pytest.raises(RemoteUnavailable, match="too slow"):
            open_url(check_url(f"https://127.0.0.1:{port}/", rules), rules, cap=1, connect_timeout=0.2)
