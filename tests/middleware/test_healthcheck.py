"""The health check tells load balancers and people whether this node can serve."""

import json

import pytest

from glancelite.middleware.healthcheck import Healthcheck
from glancelite.middleware.request_id import RequestId

FINE = {"database": None, "store": None}
ILL = {"database": None, "store": "The directory of the store has <no> marker."}


def health(app, parts, **knobs):
    return Healthcheck(app, check=lambda: parts, **knobs)


def test_a_healthy_node_says_ok(app, ask):
    response = ask(health(app, FINE), "/healthcheck")
    assert (response.status_int, response.content_type, response.body) == (200, "text/plain", b"OK")
    assert app.calls == 0


def test_an_ill_node_says_why(app, ask):
    response = ask(health(app, ILL), "/healthcheck")
    assert (response.status_int, response.text) == (503, ILL["store"])


@pytest.mark.parametrize(("parts", "status"), [(FINE, 204), (ILL, 503)])
def test_head_answers_with_the_status_alone(app, ask, parts, status):
    response = ask(health(app, parts), "/healthcheck", method="HEAD")
    assert (response.status_int, response.body) == (status, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_are_answered_like_get(app, ask, method):
    assert ask(health(app, FINE), "/healthcheck", method=method).body == b"OK"


def test_detail_lists_every_part(app, ask):
    lines = ask(health(app, ILL), "/healthcheck?detail=1").text.splitlines()
    assert lines == [ILL["store"], "database: OK", f"store: {ILL['store']}"]


def test_json_and_html_are_there_for_who_names_them(app, ask):
    brief = ask(health(app, FINE), "/healthcheck", headers={"Accept": "application/json"})
    assert brief.content_type == "application/json"
    assert json.loads(brief.body) == {"detailed": False, "reasons": ["OK"]}
    full = ask(health(app, ILL), "/healthcheck?detail=1", headers={"Accept": "application/json"})
    assert json.loads(full.body) == {
        "detailed": True,
        "reasons": [ILL["store"]],
        "parts": {"database": "OK", "store": ILL["store"]},
    }
    page = ask(health(app, ILL), "/healthcheck", headers={"Accept": "text/html"})
    assert page.content_type == "text/html"
    assert "&lt;no&gt;" in page.text


def test_a_file_takes_the_node_out_of_rotation(app, ask, tmp_path):
    switch = tmp_path / "disable"
    filter_ = health(app, FINE, disable_by_file_path=str(switch))
    assert ask(filter_, "/healthcheck").status_int == 200
    switch.touch()
    response = ask(filter_, "/healthcheck")
    assert (response.status_int, response.body) == (503, b"DISABLED BY FILE")
    assert ask(filter_, "/healthcheck", method="HEAD").status_int == 503


def test_other_paths_and_options_are_not_its_business(app, ask):
    filter_ = health(app, ILL)
    assert ask(filter_, "/v2/images").body == b"hello"
    assert ask(filter_, "/healthcheck", method="OPTIONS").body == b"hello"


def test_the_path_can_be_chosen(app, ask):
    filter_ = health(app, FINE, path="/alive")
    assert ask(filter_, "/alive").body == b"OK"
    assert ask(filter_, "/healthcheck").body == b"hello"


def test_the_answer_carries_no_request_id(app, ask):
    assert "x-openstack-request-id" not in ask(RequestId(health(app, FINE)), "/healthcheck").headers
