"""Filters get their knobs from the ini, pass what they do not act on, and refuse in one shape."""

import configparser
import inspect
import io
import json
import logging
import textwrap
from wsgiref.validate import validator

import pytest
from gunicorn.http.wsgi import FileWrapper

from glancelite.domain.versions import accepted
from glancelite.errors import ConfigError, Forbidden, RangeNotSatisfiable, Unauthorized
from glancelite.middleware.access_log import AccessLog
from glancelite.middleware.base import CHALLENGE_KEY, Filter
from glancelite.middleware.catch_errors import CatchErrors
from glancelite.middleware.cors import Cors
from glancelite.middleware.file_auth import FileAuth
from glancelite.middleware.healthcheck import Healthcheck
from glancelite.middleware.identity import Identity
from glancelite.middleware.none_auth import NoneAuth
from glancelite.middleware.proxy_headers import ProxyHeaders
from glancelite.middleware.request_id import RequestId
from glancelite.middleware.size_limit import SizeLimit
from glancelite.middleware.trusted_auth import TrustedAuth
from glancelite.middleware.version_negotiation import VersionNegotiation
from glancelite.users import UsersFile

PLAIN = (CatchErrors, RequestId, AccessLog, ProxyHeaders, Cors, SizeLimit, NoneAuth, TrustedAuth)
ALL = (*PLAIN, Identity, FileAuth, Healthcheck, VersionNegotiation)


def pipeline(app, tmp_path):
    """Every filter there is, in the order of the ini."""
    app = NoneAuth(Identity(app))
    app = FileAuth(app, users=UsersFile(tmp_path / "users.json"))
    app = TrustedAuth(app)
    app = SizeLimit(app)
    app = VersionNegotiation(app, versions=accepted(False, False))
    app = ProxyHeaders(Cors(app, allowed_origin="https://a.example"), enabled="true")
    app = Healthcheck(app, check=dict)
    return CatchErrors(RequestId(AccessLog(app)))


@pytest.mark.parametrize("kind", PLAIN)
def test_a_filter_hands_an_ordinary_request_on(kind, app, ask):
    response = ask(kind.factory({})(app))
    assert (response.status_int, response.body, app.calls) == (200, b"hello", 1)


@pytest.mark.parametrize("kind", PLAIN)
def test_an_unknown_knob_stops_the_start_and_names_the_filter(kind, app):
    with pytest.raises(ConfigError, match=rf"\[{kind.name}\] colour: there is no such option"):
        kind.factory({}, colour="red")(app)


def test_a_misspelt_knob_names_its_nearest_match(app):
    with pytest.raises(ConfigError, match=r"Did you mean \[cors\] allowed_origin\?"):
        Cors.factory({}, alowed_origin="*")(app)


def test_a_knob_of_the_wrong_type_says_what_is_expected(app):
    with pytest.raises(ConfigError, match="'soon', but a whole number is expected"):
        Cors.factory({}, max_age="soon")(app)


@pytest.mark.parametrize("kind", ALL)
def test_the_sample_on_a_filters_manual_page_is_an_ini_that_it_takes(kind, app):
    _, start, sample = inspect.getdoc(kind).partition(f"[filter:{kind.name}]")
    parser = configparser.ConfigParser()
    parser.read_string(textwrap.dedent("    " + start + sample))
    knobs = dict(parser[f"filter:{kind.name}"])
    assert knobs.pop("use") == f"egg:glancelite#{kind.name}"
    more = {VersionNegotiation: {"versions": ()}, FileAuth: {"users": UsersFile("x")}, Healthcheck: {"check": dict}}
    assert kind(app, **more.get(kind, {}), **knobs).app is app


def test_only_the_filters_that_authenticate_say_so(app):
    assert [kind for kind in ALL if kind.is_auth] == [NoneAuth, TrustedAuth, FileAuth]


def test_a_filter_knows_the_app_behind_it(app):
    assert Filter(app).app is app


@pytest.mark.parametrize(
    ("accept", "content_type", "begins"),
    [
        ("", "text/html", b"<html>"),
        ("*/*", "text/html", b"<html>"),
        ("text/plain", "text/plain", b"403 Forbidden\n\nNo."),
        ("application/json", "application/json", b'{"message": "No."'),
    ],
)
def test_a_refusal_takes_the_form_that_accept_names(app, ask, accept, content_type, begins):
    def refusing(environ, start_response):
        return Filter(app).refuse(environ, start_response, Forbidden(reason="No."))

    response = ask(refusing, headers={"Accept": accept})
    assert (response.status, response.content_type) == ("403 Forbidden", content_type)
    assert response.body.startswith(begins)
    assert response.content_length == len(response.body)


def test_a_refusal_carries_the_headers_of_its_error_and_a_challenge_only_with_401(app, ask):
    def refusing(error):
        return lambda environ, start: Filter(app).refuse(environ | {CHALLENGE_KEY: "Basic"}, start, error)

    assert ask(refusing(RangeNotSatisfiable(reason="x", size=7))).headers["Content-Range"] == "bytes */7"
    assert ask(refusing(Unauthorized(reason="x"))).headers["WWW-Authenticate"] == "Basic"
    assert "WWW-Authenticate" not in ask(refusing(Forbidden(reason="x"))).headers


def test_the_whole_pipeline_speaks_proper_wsgi(app, ask, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    checked = validator(pipeline(validator(app), tmp_path))
    assert ask(checked, headers={"Origin": "https://a.example"}).body == b"hello"
    assert json.loads(ask(checked, "/", headers={"X-Forwarded-For": "9.9.9.9"}).body)["versions"]
    assert ask(checked, "/healthcheck").body == b"OK"
    assert ask(checked, "/healthcheck", method="HEAD").status_int == 204
    assert ask(checked, "/v2/images", method="OPTIONS").status_int == 200
    assert ask(checked, headers={"X-Openstack-Request-Id": "x" * 65}).status_int == 431
    assert ask(checked, method="POST", body=b"x" * (1 << 20 | 1)).status_int == 413
    assert app.closed == 1


def test_a_file_that_the_server_sends_passes_every_filter_untouched(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    file = FileWrapper(io.BytesIO(b"hello"))

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return file

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/v2/images/x/file", "wsgi.file_wrapper": FileWrapper}
    assert pipeline(app, tmp_path)(environ, lambda status, headers: None) is file


def test_a_file_passes_untouched_where_the_file_wrapper_is_a_function(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"hello")

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return environ["wsgi.file_wrapper"](file)

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/v2/images/x/file", "wsgi.file_wrapper": lambda file: file}
    with path.open("rb") as file:
        assert pipeline(app, tmp_path)(environ, lambda status, headers: None) is file
