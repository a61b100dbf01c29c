"""Rules: what the options allow, how URIs are read and shown, and which addresses are public."""

import ipaddress

import pytest

from glancelite.config import Config
from glancelite.errors import ConfigError, UriRefused
from glancelite.fetch import OPTIONS, Rules, check_url, find_addresses, read_rules
from glancelite.fetch.addresses import allows_address, is_public, unwrap
from glancelite.fetch.rules import parse_network


def config(**values):
    def typed(option):
        value = values.get(option.name, option.default)
        return tuple(item for item in value.split(",") if item) if option.type == "list" else value

    return Config({option.key: typed(option) for option in OPTIONS})


def is_allowed(text, rules, addresses=("8.8.8.8",)):
    try:
        find_addresses(check_url(text, rules), rules, lambda *_: addresses)
    except UriRefused:
        return False
    return True


def reason(text, rules=Rules(), **options):  # noqa: B008 - never changed
    with pytest.raises(UriRefused) as caught:
        check_url(text, rules, **options)
    return str(caught.value)


# Options --------------------------------------------------------------------------------------------------------------


def test_as_shipped_the_web_is_allowed_and_nothing_inside():
    rules = read_rules(config())
    assert rules == Rules()
    for text in ("http://a.example", "https://a.example/x?y", "http://a.example:443/", "https://8.8.8.8:80/"):
        assert is_allowed(text, rules)
    for text in ("http://a.example:8080/", "ftp://a.example/", "http://10.0.0.1/", "http://[::1]/"):
        assert not is_allowed(text, rules)


@pytest.mark.parametrize(
    ("options", "allowed", "refused"),
    [
        ({"allowed_schemes": "HTTPS"}, "https://a.example/", "http://a.example/"),
        ({"allowed_schemes": "", "disallowed_schemes": "http"}, "https://a.example/", "http://a.example/"),
        ({"allowed_schemes": "http", "disallowed_schemes": "http"}, "http://a.example/", "https://a.example/"),
        ({"allowed_hosts": "A.example"}, "http://a.EXAMPLE/", "http://b.example/"),
        ({"allowed_hosts": "a.example"}, "http://a.example/", "http://x.a.example/"),
        ({"allowed_hosts": "[2400:CB00:0::1]"}, "http://[2400:cb00::1]/", "http://[2400:cb00::2]/"),
        ({"disallowed_hosts": "a.example"}, "http://b.example/", "http://A.example/"),
        ({"disallowed_hosts": "8.8.4.4"}, "http://8.8.8.8/", "http://[::ffff:8.8.4.4]/"),
        ({"disallowed_hosts": "8.8.4.4"}, "http://8.8.8.8/", "http://[64:ff9b::8.8.4.4]/"),
        ({"allowed_hosts": "a.example", "disallowed_hosts": "a.example"}, "http://a.example/", "http://b.example/"),
        ({"allowed_ports": "443"}, "https://a.example/", "http://a.example/"),
        ({"allowed_ports": "80,8080"}, "http://a.example:8080/", "https://a.example/"),
        ({"allowed_ports": "", "disallowed_ports": "80"}, "http://a.example:81/", "http://a.example/"),
        ({"allowed_ports": "80", "disallowed_ports": "80"}, "http://a.example/", "http://a.example:81/"),
        ({"allowed_networks": "10.1.0.0/16"}, "http://10.1.2.3/", "http://10.2.0.1/"),
        ({"allowed_networks": "10.1.2.3"}, "http://10.1.2.3/", "http://10.1.2.4/"),
        ({"allowed_networks": "10.1.2.3/16"}, "http://[::ffff:10.1.2.3]/", "http://[::1]/"),
        ({"allowed_networks": "fd00::/8"}, "http://[fd12::1]/", "http://[fe80::1]/"),
        # 8.8.8.8 in both of the places that this network may have it in
        ({"allowed_networks": "64:ff9b:1::/48"}, "http://[64:ff9b:1:808:8:800:808:808]/", "http://[64:ff9b:1::a00:1]/"),
        ({"allowed_networks": "2001::/16"}, "http://[2001:0:808:808::f7f7:f7f7]/", "http://[2001:0:808:808::80ff:fffe]/"),
    ],
)  # fmt: skip
def test_options_allow_and_refuse(options, allowed, refused):
    rules = read_rules(config(**options))
    assert is_allowed(allowed, rules)
    assert not is_allowed(refused, rules)


def test_a_refused_address_is_refused_behind_a_name_too():
    rules = read_rules(config(disallowed_hosts="8.8.4.4"))
    assert is_allowed("http://a.example/", rules, ["8.8.8.8"])
    assert not is_allowed("http://a.example/", rules, ["8.8.8.8", "8.8.4.4"])


def test_whoever_wants_it_may_fetch_from_anywhere():
    rules = read_rules(config(allow_private=True))
    for host in ("127.0.0.1", "[::1]", "169.254.169.254", "[fd00:ec2::254]", "[64:ff9b::a00:1]"):
        assert is_allowed(f"http://{host}/", rules)
    assert not is_allowed("http://2130706433/", rules)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"allowed_ports": "80,http"}, "port numbers"), ({"disallowed_ports": "x"}, "port numbers"),
     ({"allowed_networks": "10.0.0.0/33"}, "networks"), ({"allowed_networks": "lan"}, "networks")],
)  # fmt: skip
def test_options_that_make_no_sense_stop_the_start(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        read_rules(config(**options))


# Reading and showing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("HTTP://A.Example", ("http", "a.example", 80, "/", "a.example")),
        ("https://a.example:443?x=/@:", ("https", "a.example", 443, "/?x=/@:", "a.example")),
        ("http://a.example:443/x@y:z//../%2e?", ("http", "a.example", 443, "/x@y:z//../%2e?", "a.example:443")),
        ("http://[2400:CB00:0:0::1]:80/", ("http", "2400:cb00::1", 80, "/", "[2400:cb00::1]")),
        ("http://xn--mnchen-3ya.example/a_b", ("http", "xn--mnchen-3ya.example", 80, "/a_b", "xn--mnchen-3ya.example")),
        ("http://a_b.3m.example/{x}|'<>", ("http", "a_b.3m.example", 80, "/{x}|'<>", "a_b.3m.example")),
    ],
)  # fmt: skip
def test_a_uri_is_read_into_its_parts(text, parts):
    url = check_url(text, Rules())
    assert (url.scheme, url.host, url.port, url.target, url.authority) == parts


def test_a_host_is_as_long_as_a_name_may_be():
    assert check_url("http://" + ".".join(["a" * 63] * 3 + ["b" * 61]), Rules()).port == 80
    assert "its host is not a name" in reason("http://" + ".".join(["a" * 63] * 3 + ["b" * 62]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://a.example/#top", "http://a.example/#top (it has a fragment)"),
        ("http://a.example:81/x?sig=s3cr3t", "http://a.example:81/x?… (its port is not allowed)"),
        ("http://u:s3cr3t@a.example/", "http://…@a.example/ (it has a user name or password)"),
        ("http:\\\\u:s3cr3t@a.example", "http:…@a.example (it has blanks, control characters, backslashes or"),
        ("u:s3cr3t@a.example", "u:…@a.example (it is no http:// or https:// URI)"),
        ("http://u:s3cr3t@[::1", "http://…@[::1 (its host is not understood)"),
        ("http://a\r\nb\x00\u2028/", "http://a··b··/ (it has blanks"),
        ("ftp://a.example/?s3cr3t", "ftp://a.example/?… (it is no http:// or https:// URI)"),
        ("http://2130706433/", "http://2130706433/ (its host is not a name, nor an address as it is usually written)"),
        ("http://a.example:0/", "http://a.example:0/ (its port is not a number from 1 to 65535)"),
        ("http://127.0.0.1/", "http://127.0.0.1/ (its host cannot be found or is not a public one)"),
    ],
)
def test_a_refusal_shows_the_uri_without_its_secrets(text, said):
    assert f"does not pass filtering: {said}" in reason(text)
    assert "s3cr3t" not in reason(text)


def test_a_long_uri_is_shown_short():
    assert len(reason("http://a.example/" + "x" * 9000)) < 400
    assert len(str(check_url("http://a.example/" + "x" * 8000, Rules()))) == 255


@pytest.mark.parametrize(
    ("userinfo", "credentials"),
    [("u:p", b"u:p"), ("u", b"u:"), ("", b":"), ("u:p:q", b"u:p:q"), ("%C3%BC:a%3Ab%40", "ü:a:b@".encode())],
)
def test_credentials_are_read_only_where_they_are_wanted_and_never_shown(userinfo, credentials):
    text = f"https://{userinfo}@a.example/x"
    url = check_url(text, Rules(), allow_credentials=True)
    assert url.credentials == credentials
    assert str(url) == "https://a.example/x"
    assert "credentials" not in repr(url)
    assert "user name or password" in reason(text)


# Addresses ------------------------------------------------------------------------------------------------------------


PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255
    198.20.0.0 223.255.255.255 2400:cb00::1 2001:200::1 2001:4860:4860::8888 2600:: 2a00:: 3ffe::1 64:ff9b::8.8.8.8
    2002:808:808::1 ::ffff:8.8.8.8 2400:cb00::5efe:8.8.8.8
"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses_are_allowed(address):
    assert allows_address(ipaddress.ip_address(address), Rules())


@pytest.mark.parametrize(
    ("address", "inner"),
    [
        ("8.8.8.8", ["8.8.8.8"]),
        ("::ffff:127.0.0.1", ["127.0.0.1"]),
        ("::127.0.0.1", ["::7f00:1", "127.0.0.1"]),
        ("::ffff:0:127.0.0.1", ["::ffff:0:7f00:1", "127.0.0.1"]),
        ("64:ff9b::127.0.0.1", ["64:ff9b::7f00:1", "127.0.0.1"]),
        ("64:ff9b:1:7f00:0:100::", ["64:ff9b:1:7f00:0:100::", "0.0.0.0", "127.0.0.1"]),
        ("2002:7f00:1::1", ["2002:7f00:1::1", "127.0.0.1"]),
        ("2001:0:102:304::80ff:fffe", ["2001:0:102:304::80ff:fffe", "1.2.3.4", "127.0.0.1"]),
        ("2400::5efe:127.0.0.1", ["2400::5efe:7f00:1", "127.0.0.1"]),
        ("2400::200:5efe:127.0.0.1", ["2400::200:5efe:7f00:1", "127.0.0.1"]),
        ("2400:cb00::1", ["2400:cb00::1"]),
    ],
)
def test_an_address_is_unwrapped(address, inner):
    assert [str(view) for view in unwrap(ipaddress.ip_address(address))] == inner


def test_what_we_call_public_the_standard_library_does_too():
    """Its own table has gaps that ours has not, but nothing that it calls private is public here."""
    for number in range(0, 1 << 32, 65_521):
        address = ipaddress.IPv4Address(number)
        assert not (is_public(address) and not address.is_global), address


def test_a_network_may_be_a_single_address():
    assert parse_network("10.1.2.3") == ipaddress.ip_network("10.1.2.3/32")
