"""Forwarding headers count only from trusted peers, and only as far as the hops are trusted."""

import pytest
import webob

from glancelite.errors import ConfigError
from glancelite.middleware.base import PEER_KEY
from glancelite.middleware.proxy_headers import ProxyHeaders

ALL = {
    "X-Forwarded-For": "9.9.9.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "images.example.org",
    "X-Forwarded-Port": "8443",
    "X-Forwarded-Prefix": "/image/",
}


def seen(app, ask, headers, peer="127.0.0.1", **knobs):
    """The URL and the client's address as the app saw them."""
    response = ask(ProxyHeaders(app, **{"enabled": "true"} | knobs), "/v2/images", headers=headers, REMOTE_ADDR=peer)
    assert response.status_int == 200, response.text
    return webob.Request(app.environ).url, app.environ["REMOTE_ADDR"]


def test_a_trusted_proxy_tells_how_the_client_asked(app, ask):
    assert seen(app, ask, ALL) == ("https://images.example.org:8443/image/v2/images", "9.9.9.9")
    assert app.environ[PEER_KEY] == "127.0.0.1"


def test_it_is_off_unless_enabled(app, ask):
    assert seen(app, ask, ALL, enabled="false") == ("http://localhost/v2/images", "127.0.0.1")


@pytest.mark.parametrize("peer", ["192.0.2.7", "", "::2", "nonsense"])
def test_other_peers_are_not_believed(app, ask, peer):
    assert seen(app, ask, ALL, peer) == ("http://localhost/v2/images", peer)
    assert PEER_KEY not in app.environ


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("127.9.9.9", "127.0.0.0/8"),
        ("::1", "127.0.0.0/8, ::1"),
        ("::ffff:127.0.0.1", "127.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8::5", "2001:db8::/32"),
        ("", "unix"),
    ],
)
def test_peers_are_addresses_networks_or_unix(app, ask, peer, trusted):
    assert seen(app, ask, {"X-Forwarded-Proto": "https"}, peer, trusted_proxies=trusted)[0].startswith("https:")


def test_a_peer_that_is_no_address_stops_the_start(app):
    with pytest.raises(ConfigError, match=r"10\.0\.0\.300"):
        ProxyHeaders(app, trusted_proxies="10.0.0.300")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("6.6.6.6, 9.9.9.9", "9.9.9.9"),
        ("6.6.6.6, 9.9.9.9, 10.0.0.2", "9.9.9.9"),
        ("9.9.9.9:4711", "9.9.9.9"),
        ("2001:db8::9", "2001:db8::9"),
        ("[2001:db8::9]:80", "2001:db8::9"),
        ("unknown", "10.0.0.1"),
        ("6.6.6.6, unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_hop_that_no_trusted_proxy_stands_for(app, ask, chain, client):
    headers = {"X-Forwarded-For": chain}
    assert seen(app, ask, headers, "10.0.0.1", trusted_proxies="10.0.0.0/24")[1] == client


def test_what_the_client_wrote_itself_is_never_taken(app, ask):
    headers = {"X-Forwarded-Host": "evil.example, real.example", "X-Forwarded-For": "6.6.6.6, 9.9.9.9"}
    assert seen(app, ask, headers) == ("http://real.example/v2/images", "9.9.9.9")
    headers = {"Forwarded": "for=6.6.6.6;host=evil.example, for=9.9.9.9;host=real.example"}
    assert seen(app, ask, headers) == ("http://real.example/v2/images", "9.9.9.9")


def test_the_outermost_trusted_proxy_says_what_the_client_saw(app, ask):
    forwarded = 'for=9.9.9.9;proto=https;host="a.example:8443", For="10.0.0.2";Proto=http;host=inner'
    url, client = seen(app, ask, {"Forwarded": forwarded}, "10.0.0.1", trusted_proxies="10.0.0.0/24")
    assert (url, client) == ("https://a.example:8443/v2/images", "9.9.9.9")


def test_forwarded_wins_over_the_older_headers(app, ask):
    headers = ALL | {"Forwarded": 'for="[2001:db8::9]:4711";proto=https;host=b.example'}
    assert seen(app, ask, headers) == ("https://b.example/v2/images", "2001:db8::9")


def test_the_usual_port_of_a_scheme_is_not_named(app, ask):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "443", "Host": "a.example:9292"}
    assert seen(app, ask, headers)[0] == "https://a.example/v2/images"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Forwarded-Proto", "javascript"),
        ("X-Forwarded-Host", "a b"),
        ("X-Forwarded-Host", "a/b@c"),
        ("X-Forwarded-Port", "-1"),
        ("X-Forwarded-Prefix", "//evil.example"),
        ("X-Forwarded-Prefix", "nothing"),
        ("X-Forwarded-Prefix", "/\u00e9\u00e9"),
        ("Forwarded", 'host="a\\"b"'),
    ],
)
def test_nonsense_from_a_trusted_proxy_is_400_and_says_what(app, ask, name, value):
    response = ask(ProxyHeaders(app, enabled=True), headers={name: value}, REMOTE_ADDR="127.0.0.1")
    assert response.status_int == 400
    assert "Forwarded" in response.text
    assert app.calls == 0


@pytest.mark.parametrize("value", ['"' * 999, ";" * 999, "," * 999, "for=" * 99, 'for="\\', "=", "for=9.9.9.9;;x"])
def test_a_mangled_forwarded_header_does_no_harm(app, ask, value):
    assert seen(app, ask, {"Forwarded": value})[0] == "http://localhost/v2/images"
