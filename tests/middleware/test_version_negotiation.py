"""Every accepted minor leads to /v2; whoever asks for none of them gets the list."""

import json

import pytest

from glancelite.domain.versions import accepted
from glancelite.middleware.request_id import RequestId
from glancelite.middleware.version_negotiation import VersionNegotiation

VENDOR = "application/vnd.openstack.images-"
ALWAYS = ["v2.0", "v2.1", "v2.2", "v2.3", "v2.4", "v2.5", "v2.6", "v2.7", "v2.9", "v2.15", "v2.17"]
MULTI_STORE = ["v2.8", "v2.10", "v2.11", "v2.12", "v2.13"]
CACHE = ["v2.14", "v2.16", "v2.18"]


@pytest.fixture
def filter_(app):
    return VersionNegotiation(app, versions=accepted(multi_store=False, cache=False))


@pytest.mark.parametrize(
    ("multi_store", "cache", "more"),
    [(False, False, []), (True, False, MULTI_STORE), (False, True, CACHE), (True, True, MULTI_STORE + CACHE)],
)
def test_what_is_offered_depends_on_stores_and_cache_newest_first(multi_store, cache, more):
    offered = accepted(multi_store, cache)
    assert sorted(offered) == sorted(ALWAYS + more)
    assert list(offered) == sorted(offered, key=lambda version: -int(version[3:]))


@pytest.mark.parametrize(("cache", "current"), [(False, "v2.17"), (True, "v2.18")])
def test_exactly_the_newest_is_current(app, ask, cache, current):
    filter_ = VersionNegotiation(app, versions=accepted(multi_store=True, cache=cache))
    listed = json.loads(ask(filter_, "/versions").body)["versions"]
    assert [entry["id"] for entry in listed if entry["status"] == "CURRENT"] == [current]
    assert {entry["status"] for entry in listed} == {"CURRENT", "SUPPORTED"}
    assert {"id": "v2.0", "status": "SUPPORTED", "links": [{"rel": "self", "href": "http://localhost/v2/"}]} in listed


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "BREW"])
@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 300), ("", 300), ("/foo", 300), ("/v1/images", 300), ("/v3", 300), ("/v2.19", 300), ("/v2.14", 300),
     ("/v2.8/images", 300), ("/V2/images", 300), ("/v2.00/images", 300), ("/v2%20/images", 300), ("//v2/images", 300),
     ("/versionsx", 300), ("/%ff%fe", 300), ("/versions", 200), ("/versions/", 200), ("/versions/x/y", 200)],
)  # fmt: skip
def test_the_document_is_answered_where_no_version_is_asked_for(filter_, app, ask, *, path, status, method):
    response = ask(RequestId(filter_), path, method=method)
    assert (response.status_int, response.content_type) == (status, "application/json")
    assert json.loads(response.body)["versions"][0]["id"] == "v2.17"
    assert "x-openstack-request-id" not in response.headers
    assert app.calls == 0


def test_head_gets_the_status_and_the_length(filter_, ask):
    response = ask(filter_, "/", method="HEAD")
    assert (response.status_int, response.body) == (300, b"")
    assert response.content_length > 0


@pytest.mark.parametrize("version", ["v2", *ALWAYS])
def test_every_accepted_minor_leads_to_v2(filter_, app, ask, version):
    assert ask(filter_, f"/{version}/images/x?limit=1").body == b"hello"
    assert (app.environ["PATH_INFO"], app.environ["SCRIPT_NAME"]) == ("/v2/images/x", "")
    assert app.environ["QUERY_STRING"] == "limit=1"


@pytest.mark.parametrize(
    ("path", "behind"), [("/images", "/v2/images"), ("/v2/images", "/v2/v2/images"), ("/", "/v2/")]
)
def test_accept_may_name_the_version_instead_of_the_path(filter_, app, ask, path, behind):
    ask(filter_, path, headers={"Accept": VENDOR + "v2.3"})
    assert app.environ["PATH_INFO"] == behind


@pytest.mark.parametrize("rest", ["v2;q=1", "v2, */*", "v1", "v2.99", "", "v2.14"])
def test_the_rest_of_accept_is_taken_literally(filter_, ask, rest):
    assert ask(filter_, "/images", headers={"Accept": VENDOR + rest}).status_int == 300


def test_versions_wins_over_accept(filter_, ask):
    assert ask(filter_, "/versions", headers={"Accept": VENDOR + "v2"}).status_int == 200


@pytest.mark.parametrize("version", ["v2", "v2.9"])
def test_a_bare_version_is_led_to_v2_with_a_slash(filter_, ask, version):
    response = ask(filter_, f"/{version}")
    assert (response.status_int, response.location) == (302, "http://localhost/v2/")


def test_v2_with_a_slash_and_other_methods_are_left_to_the_app(filter_, app, ask):
    assert ask(filter_, "/v2/").body == b"hello"
    assert app.environ["PATH_INFO"] == "/v2/"
    assert ask(filter_, "/v2", method="POST").body == b"hello"


def test_links_name_the_url_the_client_used_with_its_mount(filter_, ask):
    response = ask(filter_, "/", headers={"Host": "h:81"}, SCRIPT_NAME="/image")
    assert json.loads(response.body)["versions"][0]["links"][0]["href"] == "http://h:81/image/v2/"


def test_a_public_endpoint_wins_over_the_url_the_client_used(app, ask):
    filter_ = VersionNegotiation(app, versions=accepted(False, False), public_endpoint="https://i.example/image/")
    assert json.loads(ask(filter_, "/").body)["versions"][0]["links"][0]["href"] == "https://i.example/image/v2/"
    assert ask(filter_, "/v2").location == "https://i.example/image/v2/"


@pytest.mark.parametrize("host", ["\u00e9", '"><script>', "a b", "[::1", "x:y:z"])
def test_an_odd_host_header_does_no_harm(filter_, ask, host):
    assert ask(filter_, "/", headers={"Host": host}).status_int == 300
