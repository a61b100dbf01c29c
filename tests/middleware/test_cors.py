"""Pages of allowed origins may use the API; OPTIONS is answered before anyone is asked who they are."""

import pytest

from glancelite.middleware.cors import Cors
from glancelite.middleware.request_id import RequestId

PAGE = "https://dashboard.example.org"


def preflight(app, ask, origin=PAGE, method="PUT", wanted="", **knobs):
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    headers |= {"Access-Control-Request-Headers": wanted} if wanted else {}
    knobs = {"allowed_origin": PAGE} | knobs
    return ask(Cors(app, **knobs), "/v2/images", method="OPTIONS", headers=headers)


@pytest.mark.parametrize("path", ["/", "/v2/images", "/no/such/path"])
def test_options_is_200_and_empty_on_any_path_and_reaches_nobody(app, ask, path):
    response = ask(RequestId(Cors(app)), path, method="OPTIONS")
    assert (response.status_int, response.body, response.content_length) == (200, b"", 0)
    assert "x-openstack-request-id" not in response.headers
    assert app.calls == 0


def test_a_preflight_from_an_allowed_origin_is_granted(app, ask):
    headers = preflight(app, ask, wanted="x-auth-token, content-type").headers
    assert headers["Access-Control-Allow-Origin"] == PAGE
    assert "PUT" in headers["Access-Control-Allow-Methods"].split(",")
    assert {"X-Auth-Token", "Content-Type"} <= set(headers["Access-Control-Allow-Headers"].split(","))
    assert headers["Access-Control-Max-Age"] == "3600"
    assert headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": "https://evil.example"},
        {"origin": PAGE + ".evil.example"},
        {"origin": PAGE.upper()},
        {"origin": "null"},
        {"method": "TRACE"},
        {"wanted": "X-Nobody-Knows"},
        {"allowed_origin": ""},
    ],
)
def test_any_other_preflight_is_200_without_a_grant(app, ask, asked):
    response = preflight(app, ask, **asked)
    assert response.status_int == 200
    assert not [name for name in response.headers if name.startswith("Access-Control")]


def test_an_answer_to_an_allowed_origin_says_so_and_what_may_be_read(app, ask):
    headers = ask(Cors(app, allowed_origin=PAGE), headers={"Origin": PAGE}).headers
    assert headers["Access-Control-Allow-Origin"] == PAGE
    assert "X-OpenStack-Request-ID" in headers["Access-Control-Expose-Headers"]
    assert headers["Vary"] == "Origin"


def test_an_answer_to_another_origin_only_says_that_it_varies(app, ask):
    for sent in ({"Origin": "https://evil.example"}, {}):
        headers = ask(Cors(app, allowed_origin=PAGE), headers=sent).headers
        assert headers["Vary"] == "Origin"
        assert not [name for name in headers if name.startswith("Access-Control")]


def test_without_allowed_origins_nothing_is_added(app, ask):
    response = ask(Cors(app), headers={"Origin": PAGE})
    assert [name for name, _ in response.headerlist] == ["Content-Type", "Content-Length"]


def test_credentials_are_for_named_origins_only(app, ask):
    knobs = {"allowed_origin": f"*,{PAGE}", "allow_credentials": "true"}
    named = ask(Cors(app, **knobs), headers={"Origin": PAGE}).headers
    assert (named["Access-Control-Allow-Origin"], named["Access-Control-Allow-Credentials"]) == (PAGE, "true")
    other = ask(Cors(app, **knobs), headers={"Origin": "https://other.example"}).headers
    assert other["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in other


def test_a_star_sent_as_origin_gets_no_credentials(app, ask):
    headers = ask(Cors(app, allowed_origin="*", allow_credentials=True), headers={"Origin": "*"}).headers
    assert "Access-Control-Allow-Credentials" not in headers
