"""Property protections as a file says them."""

import logging

import pytest

from glancelite.domain.context import Context
from glancelite.domain.policy import Policy
from glancelite.domain.protections import OPERATIONS, Protections, parse_protections
from glancelite.errors import ConfigError

MEMBER = Context(project_id="p", roles=("member",))
ADMIN = Context(project_id="p", roles=("admin", "member"))
SERVED = Context(project_id="p", roles=("reader",), service_roles=("image_service",))


def section(pattern: str, everything: str) -> str:
    return f"[{pattern}]\n" + "".join(f"{operation} = {everything}\n" for operation in OPERATIONS)


def parse(text: str, form: str = "roles") -> Protections:
    return parse_protections(text, form, Policy())


def test_an_empty_value_lets_nobody_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = parse(section("^x", "") + section(".*", "@"))
    assert not any(found.allow(ADMIN, operation, "x") for operation in OPERATIONS)
    assert [message.partition(" names")[0] for message in caplog.messages] == [
        f"Property protection [^x] {operation}" for operation in OPERATIONS
    ]


def test_what_is_said_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    parse(section("a", "!") + section("b", "@") + section("c", "admin"))
    assert caplog.messages == []


def test_the_first_section_that_is_found_anywhere_in_the_name_decides() -> None:
    found = parse(section("secret", "admin") + section("^x_", "member") + section("x_secret", "@"))
    assert [found.allow(MEMBER, "read", name) for name in ("my_secret_key", "x_secret", "x_y", "y_x_")] == [
        False, False, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_roles_of_a_service_count_as_the_callers_do(operation: str) -> None:
    found = parse(section("^served", "image_service, admin") + section("^own", "reader"))
    assert found.allow(SERVED, operation, "served")
    assert found.allow(SERVED, operation, "own")
    assert not found.allow(MEMBER, operation, "served")


def test_roles_of_a_service_count_by_roles_and_not_by_policies() -> None:
    assert not parse(section(".*", "role:image_service"), "policies").allow(SERVED, "read", "x")


@pytest.mark.parametrize("form", ["roles", "policies"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_of_the_four_keys_is_needed(form: str, operation: str) -> None:
    text = section(".*", "@").replace(f"{operation} = @\n", "")
    with pytest.raises(ConfigError, match=f"lacks {operation}"):
        parse(text, form)
