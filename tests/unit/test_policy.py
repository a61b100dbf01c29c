"""The rule language, and the rules that are in force without a policy file."""

import pytest

from glancelite.domain.context import Context
from glancelite.domain.policy import Policy
from glancelite.domain.rules import RULES
from glancelite.errors import ActionForbidden, ConfigError

MEMBER = Context(project_id="mine", user_id="me", roles=("member", "reader"))
READER = Context(project_id="mine", user_id="me", roles=("reader",))
ADMIN = Context(project_id="other", roles=("admin",))
NOBODY = Context(is_anonymous=True)
OWN = {"owner": "mine", "project_id": "mine", "visibility": "shared"}
FOREIGN = {"owner": "theirs", "project_id": "theirs", "visibility": "private"}


def decide(rule: str, context: Context = MEMBER, target: dict[str, str | None] = OWN, **others: str) -> bool:
    return Policy({"asked": rule, **others}).allows(context, "asked", target)


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ("", True),
        ("  ", True),
        ("@", True),
        ("!", False),
        ("role:member", True),
        ("role:MEMBER", True),
        ("role:admin", False),
        ("not role:admin", True),
        ("not not role:member", True),
        ("role:admin or role:member", True),
        ("role:admin and role:member", False),
        ("role:admin OR role:member AND role:reader", True),
        ("@ or ! and !", True),
        ("(@ or !) and !", False),
        ("not ! and !", False),
        ("not (! and !)", True),
        ("project_id:%(owner)s", True),
        ("tenant:%(owner)s", True),
        ("project_id:mine", True),
        ("project_id:%(missing)s", False),
        ("user_id:me", True),
        ("user_id:%(owner)s", False),
        ("'shared':%(visibility)s", True),
        ('"shared":%(visibility)s', True),
        ("'public':%(visibility)s", False),
        ("unknown:thing", False),
        ("rule:other", True),
        ("not rule:other", False),
        ("rule:context_is_admin", False),
    ],
)
def test_a_rule_is_decided_for_the_caller_and_the_target(rule: str, answer: bool) -> None:
    assert decide(rule, other="role:reader") is answer


@pytest.mark.parametrize(
    "rule", ["role:a and", "or role:a", "(role:a", "role:a)", "()", "not", "word", "role:a role:b", "(role:a role:b"]
)
def test_a_rule_that_is_not_understood_stops_the_start(rule: str) -> None:
    with pytest.raises(ConfigError, match="Policy rule 'asked' is not understood"):
        Policy({"asked": rule})


def test_what_is_unknown_on_both_sides_is_not_the_same() -> None:
    assert not decide("project_id:%(owner)s", NOBODY, {"owner": None})
    assert not decide("user_id:%(owner)s", Context(project_id="x"), {"owner": None})


def test_a_rule_that_there_is_not_lets_nobody_in_and_may_not_be_referred_to() -> None:
    with pytest.raises(KeyError):
        Policy().allows(ADMIN, "no_such_rule", {})
    with pytest.raises(ConfigError, match="refers to rule:no_such_rule"):
        Policy({"get_image": "rule:no_such_rule"})


def test_a_refusal_names_the_rule() -> None:
    with pytest.raises(ActionForbidden, match="You are not authorized to complete add_image action"):
        Policy().require(READER, "add_image", OWN)
    Policy().require(MEMBER, "add_image", OWN)


# Who may, by default: (member, reader, admin, nobody) of an own image and of one that is somebody else's and private.
# fmt: off
DEFAULTS = {
    "default":            ((True, True, True, True), (True, True, True, True)),
    "context_is_admin":   ((False, False, True, False), (False, False, True, False)),
    "service_api":        ((False, False, True, False), (False, False, True, False)),
    "add_image":          ((True, False, True, False), (False, False, True, False)),
    "get_image":          ((True, True, True, False), (False, False, True, False)),
    "get_images":         ((True, True, True, False), (False, False, True, False)),
    "modify_image":       ((True, False, True, False), (False, False, True, False)),
    "delete_image":       ((True, False, True, False), (False, False, True, False)),
    "publicize_image":    ((False, False, True, False), (False, False, True, False)),
    "communitize_image":  ((True, False, True, False), (False, False, True, False)),
    "upload_image":       ((True, False, True, False), (False, False, True, False)),
    "download_image":     ((True, False, True, False), (False, False, True, False)),
    "add_member":         ((True, False, True, False), (False, False, True, False)),
    "delete_member":      ((True, False, True, False), (False, False, True, False)),
    "get_member":         ((True, True, True, False), (False, False, True, False)),
    "get_members":        ((True, True, True, False), (False, False, True, False)),
    "modify_member":      ((False, False, True, False), (False, False, True, False)),
    "deactivate":         ((True, False, True, False), (False, False, True, False)),
    "reactivate":         ((True, False, True, False), (False, False, True, False)),
    "download_from_store": ((True, False, True, False), (False, False, True, False)),
    "delete_image_location": ((False, False, True, False), (False, False, True, False)),
    "set_image_location": ((True, False, True, False), (False, False, True, False)),
    "stores_info_detail": ((False, False, True, False), (False, False, True, False)),
    "copy_image":         ((False, False, True, False), (False, False, True, False)),
    "add_image_location": ((True, False, True, False), (False, False, True, False)),
    "fetch_image_location": ((False, False, True, False), (False, False, True, False)),
    "tasks_api_access":   ((False, False, True, False), (False, False, True, False)),
    "get_task":           ((True, True, True, True), (True, True, True, True)),
    "get_tasks":          ((True, True, True, True), (True, True, True, True)),
    "add_task":           ((True, True, True, True), (True, True, True, True)),
    "modify_task":        ((True, True, True, True), (True, True, True, True)),
    "get_image_location": ((True, True, True, False), (False, False, True, False)),
}
# fmt: on


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_default_rule_lets_in_whom_it_should(rule: str) -> None:
    callers = (MEMBER, READER, ADMIN, NOBODY)
    policy = Policy()
    answers = tuple(tuple(policy.allows(caller, rule, target) for caller in callers) for target in (OWN, FOREIGN))
    assert answers == DEFAULTS[rule]


@pytest.mark.parametrize("visibility", ["public", "community", "shared"])
def test_what_is_visible_to_a_stranger_may_be_shown_and_downloaded_but_not_changed(visibility: str) -> None:
    target = {"owner": "theirs", "project_id": "theirs", "visibility": visibility}
    allowed = {rule.name for rule in RULES if Policy().allows(MEMBER, rule.name, target)}
    allowed -= {"get_task", "get_tasks", "add_task", "modify_task"}  # which say nothing of images
    assert allowed == {"default", "get_image", "download_image", "download_from_store"}
