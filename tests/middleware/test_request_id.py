"""Every request has an id, which the client may choose within reason."""

import re

import pytest

from glancelite.middleware.base import NO_REQUEST_ID_KEY, REQUEST_ID_KEY
from glancelite.middleware.request_id import RequestId

FRESH = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_a_request_without_an_id_gets_one(app, ask):
    first, second = (ask(RequestId(app)).headers["x-openstack-request-id"] for _ in range(2))
    assert FRESH.fullmatch(first)
    assert first != second
    assert app.environ[REQUEST_ID_KEY] == second


@pytest.mark.parametrize(("sent", "used"), [("req-7.a_B", "req-7.a_B"), ("7", "req-7")])
def test_the_id_of_the_client_is_taken_over(app, ask, sent, used):
    response = ask(RequestId(app), headers={"X-Openstack-Request-Id": sent})
    assert response.headers["x-openstack-request-id"] == app.environ[REQUEST_ID_KEY] == used


@pytest.mark.parametrize("sent", ["", "a b", "a\nb", "<script>", "é", "a,b"])
def test_an_id_with_odd_characters_is_replaced(app, ask, sent):
    response = ask(RequestId(app), headers={"X-Openstack-Request-Id": sent})
    assert FRESH.fullmatch(response.headers["x-openstack-request-id"])


def test_an_id_that_is_too_long_is_431_and_the_answer_has_an_id_all_the_same(app, ask):
    response = ask(RequestId(app, max_request_id_length="8"), headers={"X-Openstack-Request-Id": "x" * 9})
    assert response.status_int == 431
    assert "longer than 8 characters" in response.text
    assert FRESH.fullmatch(response.headers["x-openstack-request-id"])
    assert app.calls == 0


def test_an_id_of_the_greatest_length_is_fine(app, ask):
    assert ask(RequestId(app), headers={"X-Openstack-Request-Id": "x" * 64}).status_int == 200


def test_the_answer_carries_one_id_even_if_the_app_named_another(app, ask):
    app.headers.append(("X-Openstack-Request-Id", "req-other"))
    response = ask(RequestId(app), headers={"X-Openstack-Request-Id": "req-1"})
    assert response.headers.getall("x-openstack-request-id") == ["req-1"]


def test_answers_that_stand_outside_the_api_carry_no_id(app, ask):
    assert "x-openstack-request-id" not in ask(RequestId(app), **{NO_REQUEST_ID_KEY: True}).headers
