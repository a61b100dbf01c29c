"""URLs that want to lead us where nobody may go: a canary on every address of this host hears of none of them.

The port of the canary is allowed, and so is 127.0.0.1, where it listens too: whatever a URL gets past the parser counts
as a connection, and names that no row speaks of lead there.
"""

import ipaddress
import socket

import pytest
from fakes.remote import Remote, answer, redirect

from glancelite.errors import GlanceliteError, RemoteNotFound, RemoteRefused, UriRefused
from glancelite.fetch import Rules, check_url, find_addresses, open_url

WORDS = "URI for web-download does not pass filtering: "

FORBIDDEN = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.2 127.255.255.254
    168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1
    198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::2 ::127.0.0.2 ::ffff:127.0.0.2 ::ffff:7f00:2 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0
    ::ffff:0:127.0.0.2 ::ffff:0:10.0.0.1 64:ff9b::127.0.0.2 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::127.0.0.2
    64:ff9b:1::8.8.8.8 64:ff9b:1:7f00:0:200:: 100::1 2001::1 2001:0:7f00:2:: 2001:0:808:808::80ff:fffd 2001:2::1
    2001:10::1 2001:20::1 2001:db8::1 2002:7f00:2::1 2002:a9fe:a9fe::1 2002:a00:1:: 2400:cb00::5efe:127.0.0.2
    2400:cb00::200:5efe:10.0.0.1 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 ff0e::1
"""

HOSTS = r"""
    2130706433 2130706434 0x7f000001 0X7F000002 017700000001 0177.0.0.1 0177.0.0.01 0x7f.0.0.1 0x7f.1 0x7f.0x1 127.1
    127.0.1 127.0.0.01 127.0.0.0x1 127.000.000.001 127.0.0.1. 127.0.0.1.. 127..0.0.1 .127.0.0.1 0 00 0x0 0x 0.0
    127.0.0.257 256.0.0.1 1.2.3.4.5 4294967297 127.0.0.1.0 ok.example.1 ok.example.0x7f ①②⑦.0.0.1 １２７.0.0.1
    127。0。0。1 %31%32%37.0.0.1 127.0.0%2e1 %6cocalhost localhost%00 localhost%00.ok.example localhost. ok.example.
    ⓛocalhost ｌocalhost münchen.example [::1%25lo] [::1%lo] [fe80::1%25eth0] [::1 ::1] ::1 [::1]x x[::1]
    [127.0.0.1] [v1.127.0.0.1] [] [::1]] [[::1]] [::ffff:127.1] [::ffff:0177.0.0.1] user@127.0.0.1 user:pw@127.0.0.1
    @127.0.0.1 :@127.0.0.1 ok.example@127.0.0.1 a@b@127.0.0.1 user%40127.0.0.1 127.0.0.1\@ok.example
    ok.example\@127.0.0.1 ok.example#@127.0.0.1 -a.example a-.example a..example *.example a,b.example a;b a'b a!b a$b
    $(x).example `x`.example {x}.example a|b a^b <a> "a" a&b a=b a+b a~b ok.example%23 ok.example%2f ok.example%5c
"""

RELATIVE = (
    "", "/", "x", "127.0.0.1:{port}/", "1http://127.0.0.1:{port}/", "http;//127.0.0.1:{port}/",
)  # fmt: skip

URLS = (
    "http://:{port}/", "http:///127.0.0.1:{port}/", "http:////127.0.0.1:{port}/", "//127.0.0.2:{port}/",
    "http://loc\u200balhost:{port}/",
    "http:\\\\127.0.0.1:{port}/", "http:/\\127.0.0.1:{port}/", "\\\\127.0.0.1:{port}\\x", "http:", "http://",
    "http:/127.0.0.1:{port}/", "http:127.0.0.1:{port}/",
    "file:///etc/passwd", "file://127.0.0.1:{port}/etc/passwd", "filesystem:///x", "ftp://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/_x", "dict://127.0.0.1:{port}/x", "ldap://127.0.0.1:{port}/", "ws://127.0.0.1:{port}/",
    "tftp://127.0.0.1:{port}/", "unix:///run/x.sock", "http+unix://%2Frun%2Fx.sock/", "javascript:alert(1)",
    "data:,x", "jar:http://127.0.0.1:{port}/!/", "url:http://127.0.0.1:{port}/", "view-source:http://127.0.0.1:{port}/",
    "httpx://127.0.0.1:{port}/", "shttp://127.0.0.1:{port}/", "swift+config://x/y/z",
    " http://127.0.0.2:{port}/", "http ://127.0.0.1:{port}/", "ht\ttp://127.0.0.1:{port}/", "h\u00adttp://127.0.0.1:{port}/",
    "http://127.0.0.2 :{port}/", "http:// 127.0.0.1:{port}/", "http://127.0.0.1:{port}/a b",
    "http://127.0.0.2:{port}/\r\nX-Injected: 1", "http://127.0.0.2:{port}\r\n/", "http://127.0.0.2:{port}/\n",
    "http://127.0.0.1:{port}/\x00", "http://127.0.0.1\x00.ok.example:{port}/", "http://127.0.0.1:{port}/\x7f",
    "http://127.0.0.1:{port}/\t", "http://127.0.0.1:{port}/\u2028", "http://127.0.0.1:{port}/é",
    "http://127.0.0.1:{port}/\\", "http://127.0.0.1:{port}/#", "http://127.0.0.1:{port}/#x", "http://127.0.0.1:{port}#@ok/",
    "http://127.0.0.1:{port}:{port}/", "http://127.0.0.1:/", "http://127.0.0.1:0/", "http://127.0.0.1:-{port}/",
    "http://127.0.0.1:+{port}/", "http://127.0.0.1:0{port}/", "http://127.0.0.1:0x50/", "http://127.0.0.1:{port}x/",
    "http://127.0.0.1:{port}.0/", "http://127.0.0.1:99999/", "http://127.0.0.1:8０/", "http://127.0.0.1:%38%30/",
    "http://127.0.0.1:22/", "http://127.0.0.1:6379/", "http://127.0.0.1:9191/", "http://127.0.0.1/", "https://127.0.0.1/",
    "http://" + "a" * 64 + ".example:{port}/", "http://" + "a." * 127 + "example:{port}/",
    "http://127.0.0.1:{port}/" + "a" * 8192, "http://ok.example:{port}/" + "é" * 9000, "https://127.0.0.2:{port}/",
    "http://localhost:{port}/", "HTTP://LOCALHOST:{port}/", "http://printer:{port}/", "http://several.example:{port}/",
    "http://nothing.example:{port}/", "http://unknown.example:{port}/", "http://odd.example:{port}/",
)  # fmt: skip

NAMES = {
    "localhost": ["127.0.0.2", "::1"],
    "printer": ["192.168.1.5"],
    "several.example": ["127.0.0.1", "127.0.0.2"],
    "nothing.example": [],
    "odd.example": ["not an address"],
}


def in_brackets(address):
    return f"[{address}]" if ":" in address else address


HOSTILE = {
    **{f"address {a}": f"http://{in_brackets(a)}:{{port}}/" for a in FORBIDDEN.split()},
    **{f"name of {a}": f"http://name-{n}.example:{{port}}/" for n, a in enumerate(FORBIDDEN.split())},
    **{f"host {h!a}": f"http://{h.replace('{', '{{').replace('}', '}}')}:{{port}}/" for h in HOSTS.split()},
    **{f"url {n} {ascii(u)[:40]}": u for n, u in enumerate(URLS)},
}


def resolve(host, port):
    """Known names; any other leads to the one address that is allowed."""
    if host == "unknown.example":
        raise socket.gaierror(-2, "SECRET")
    if host.startswith("name-"):
        return [FORBIDDEN.split()[int(host[5:].partition(".")[0])]]
    return NAMES.get(host, ["127.0.0.1"])


@pytest.fixture(scope="module")
def canaries():
    """Listens on all addresses of this host, on one port."""
    everywhere = Remote("0.0.0.0")
    canaries = (everywhere, Remote("::1", port=everywhere.port))
    yield canaries
    for canary in canaries:
        canary.close()


@pytest.fixture(scope="module")
def remote():
    remote = Remote()
    yield remote
    remote.close()


@pytest.fixture
def connects(monkeypatch, canaries):
    """Where this test tried to connect to; none but loopback is reached, and nobody is looked up by name."""
    tried = []
    before = [canary.connections for canary in canaries]
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def spy(sock, address):
        tried.append(address)
        if not ipaddress.ip_address(address[0]).is_loopback:
            raise ConnectionRefusedError(111, "not in a test")
        return connect(sock, address)

    def look_up_literals(host, *args, **options):
        ipaddress.ip_address(host)
        return getaddrinfo(host, *args, **options)

    monkeypatch.setattr(socket.socket, "connect", spy)
    monkeypatch.setattr(socket, "getaddrinfo", look_up_literals)
    yield tried
    assert [canary.connections for canary in canaries] == before


@pytest.fixture
def rules(canaries, remote):
    ports = frozenset({remote.port, canaries[0].port})
    return Rules(allowed_ports=ports, allowed_networks=(ipaddress.ip_network("127.0.0.1"),))


def test_there_are_enough_of_them():
    assert len(HOSTILE) >= 240


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "0.0.0.0"])
def test_the_canary_hears_a_connection(canaries, address):
    before = sum(canary.connections for canary in canaries)
    socket.create_connection((address, canaries[0].port)).close()
    while sum(canary.connections for canary in canaries) == before:
        pass


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_url_is_refused_before_anybody_is_asked(connects, canaries, rules, name):
    with pytest.raises(UriRefused) as caught:
        open_url(check_url(HOSTILE[name].format(port=canaries[0].port), rules), rules, cap=1, resolve=resolve).close()
    said = str(caught.value)
    assert said.startswith(WORDS)
    assert said.isprintable() and len(said) < 500
    assert connects == []


@pytest.mark.parametrize("text", RELATIVE)
def test_what_has_no_host_is_refused(connects, canaries, rules, text):
    with pytest.raises(UriRefused, match=r"\(it is no http:// or https:// URI\)"):
        check_url(text.format(port=canaries[0].port), rules)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_redirect_to_a_hostile_url_is_refused(connects, canaries, remote, rules, name):
    remote.pages["/a"] = redirect(HOSTILE[name].format(port=canaries[0].port))
    with pytest.raises(UriRefused) as caught:
        open_url(check_url(remote.url("/a"), rules), rules, cap=1, resolve=resolve).close()
    assert str(caught.value).startswith(f"{WORDS}{remote.url('/a')} (it redirects to a place that is refused: ")
    assert connects == [("127.0.0.1", remote.port)]


@pytest.mark.parametrize("text", RELATIVE)
def test_a_redirect_without_a_host_leads_to_the_remote_itself(connects, canaries, remote, rules, text):
    remote.pages["/a"] = redirect(text.format(port=canaries[0].port))
    with pytest.raises((UriRefused, RemoteNotFound, RemoteRefused)):
        open_url(check_url(remote.url("/a"), rules), rules, cap=1, resolve=resolve).close()
    assert set(connects) == {("127.0.0.1", remote.port)}


# A name whose addresses change ----------------------------------------------------------------------------------------


class Turncoat:
    """A resolver that gives each answer once."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host, port):
        self.asked += 1
        return self.answers.pop(0)


def test_a_name_is_looked_up_once_and_the_checked_address_is_connected_to(connects, remote, rules):
    remote.pages["/x"] = answer(b"data")
    resolve = Turncoat(["127.0.0.1"], ["127.0.0.2"])
    url = check_url(remote.url("/x", host="turncoat.example"), rules)
    with open_url(url, rules, cap=9, resolve=resolve) as fetched:
        assert fetched.read(9) == b"data"
    assert resolve.asked == 1
    assert connects == [("127.0.0.1", remote.port)]
    assert remote.asked[-1].headers["Host"] == f"turncoat.example:{remote.port}"


def test_a_name_that_was_good_when_it_was_checked_is_checked_again(connects, canaries, rules):
    resolve = Turncoat(["127.0.0.1"], ["127.0.0.2"])
    url = check_url(f"http://turncoat.example:{canaries[0].port}/", rules)
    assert find_addresses(url, rules, resolve) == ("127.0.0.1",)
    with pytest.raises(UriRefused):
        open_url(url, rules, cap=9, resolve=resolve)
    assert connects == []


def test_each_redirect_looks_its_name_up_anew(connects, remote, canaries, rules):
    remote.pages["/turn"] = redirect(f"http://turncoat.example:{canaries[0].port}/x")
    resolve = Turncoat(["127.0.0.1"], ["127.0.0.2"])
    with pytest.raises(UriRefused):
        open_url(check_url(remote.url("/turn", host="turncoat.example"), rules), rules, cap=9, resolve=resolve)
    assert connects == [("127.0.0.1", remote.port)]


def test_all_addresses_of_a_name_must_be_allowed(connects, canaries, rules):
    url = check_url(f"http://many.example:{canaries[0].port}/", rules)
    for addresses in (["127.0.0.1"] * 9 + ["10.0.0.1"], ["8.8.8.8", "::1"], ["2400:cb00::1", "64:ff9b::7f00:2"]):
        with pytest.raises(UriRefused):
            open_url(url, rules, cap=9, resolve=lambda *_, found=addresses: found)
    assert connects == []


def test_whether_an_inner_name_exists_is_not_told(rules, canaries):
    said = set()
    for name in ("printer", "unknown.example", "nothing.example"):
        with pytest.raises(GlanceliteError) as caught:
            open_url(check_url(f"http://{name}:{canaries[0].port}/", rules), rules, cap=9, resolve=resolve)
        said.add(str(caught.value).replace(name, ""))
    assert len(said) == 1
