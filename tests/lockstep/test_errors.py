"""Errors have one shape, whoever refuses; and each kind of error has a code of its own."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from harness import PATCH_21, Api, Reply

from glancelite.errors import ERRORS, GlanceliteError, render

Ask = Callable[[Api, str], Reply]


def asked(method: str, path: str, body: Any = None, **headers: str) -> Ask:
    """A request that is sent with the Accept that is given."""

    def ask(api: Api, accept: str) -> Reply:
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        return api.request(method, path, body, sent | {"Accept": accept})

    return ask


def by_nobody(ask: Ask) -> Ask:
    return lambda api, accept: ask(api.as_nobody(), accept)


def of_an_image(method: str, below: str, body: Any = None, **headers: str) -> Ask:
    def ask(api: Api, accept: str) -> Reply:
        image = api.create_with(b"0123456789", protected=True)
        return asked(method, image["self"] + below, body, **headers)(api, accept)

    return ask


# Refusals of filters, of the routes, of the gate, of use-cases and of ports, by their status.
REFUSALS: tuple[tuple[int, Ask], ...] = (
    (400, asked("POST", "/v2/images", b"{")),
    (400, asked("GET", "/v2/images", b"{}")),
    (400, asked("GET", "/v2/images?limit=<x>")),
    (400, asked("GET", "/v2/images?marker=11111111-1111-1111-1111-111111111111")),
    (400, of_an_image("GET", "/file", Range="bytes=0-1,3-4")),
    (401, by_nobody(asked("GET", "/v2/images"))),
    (403, asked("POST", "/v2/images", {"visibility": "public"})),
    (403, asked("POST", "/v2/images", {"os_glance_<x>": "y"})),
    (403, of_an_image("DELETE", "")),
    (404, asked("GET", "/v2/nothing")),
    (404, asked("GET", "/v2/images/<x>")),
    (405, asked("PUT", "/v2/images")),
    (409, of_an_image("PUT", "/file", b"x", Content_Type="application/octet-stream")),
    (413, asked("POST", "/v2/images", b"x" * ((1 << 20) + 1))),
    (415, of_an_image("PATCH", "", [], Content_Type="<text>")),
    (416, of_an_image("GET", "/file", Range="bytes=50-")),
    (431, asked("GET", "/v2/images", X_Openstack_Request_Id="x" * 65)),
)


@pytest.mark.parametrize(("status", "ask"), REFUSALS, ids=lambda value: str(value) if isinstance(value, int) else "")
def test_a_refusal_says_the_same_in_each_form(api: Api, status: int, ask: Ask) -> None:
    json, page, plain = (ask(api, accept) for accept in ("application/json", "text/html", "text/plain"))
    assert [reply.status for reply in (json, page, plain)] == [status] * 3
    assert json.json.keys() == {"message", "code", "title"}
    code, title = json.json["code"], json.json["title"]
    assert code == f"{status} {title}"
    message = without_ids(json.json["message"])
    assert message.strip()
    assert "<br" not in message
    assert without_ids(plain.text) == f"{code}\n\n{message}\n"
    assert without_ids(page.text) == (
        f"<html><head><title>{code}</title></head><body><h1>{code}</h1>{html.escape(message)}<br /><br /></body></html>"
    )


def without_ids(text: str) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)


def test_a_patch_of_another_kind_is_told_which_kinds_there_are(api: Api) -> None:
    assert PATCH_21 in asked("PATCH", "/v2/images/x", [])(api, "").headers["Accept-Patch"]


def _below(cls: type[GlanceliteError]) -> list[type[GlanceliteError]]:
    return [cls, *(found for sub in cls.__subclasses__() for found in _below(sub))]


def test_every_error_has_a_code_of_its_own_and_the_wire_knows_it() -> None:
    classes = [cls for cls in _below(GlanceliteError) if cls.__module__ == "glancelite.errors"]
    assert len({cls.code for cls in classes}) == len(classes)
    assert {ERRORS[cls.code] for cls in classes} == set(classes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", cls.code) for cls in classes)


def test_every_error_can_be_said() -> None:
    for cls in _below(GlanceliteError):
        names = re.findall(r"{(\w+)}", cls.message)
        error = cls(**dict.fromkeys([*names, "allow"], "x"))
        assert 400 <= error.status < 600
        for accept in ("application/json", "text/html", "text/plain"):
            assert str(error) in html.unescape(render(error.status, str(error), accept)[1].decode())
