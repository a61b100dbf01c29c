"""Every policy rule without a policy file, decided for each kind of caller about images of each visibility.

The images belong to project `home`, and where they are shared, they are shared with project `guest`.
"""

import pytest

from glancelite.domain.context import Context
from glancelite.domain.image import Image, target_of
from glancelite.domain.policy import Policy
from glancelite.domain.rules import RULES


def somebody(project: str | None, *roles: str, service: tuple[str, ...] = ()) -> Context:
    return Context(project_id=project, user_id="u", roles=roles, service_roles=service)


CALLERS = {
    "nobody": Context(is_anonymous=True),
    "owner": somebody("home", "member", "reader"),
    "owner reader": somebody("home", "reader"),
    "owner member only": somebody("home", "member"),
    "owner roleless": somebody("home"),
    "owner by service": somebody("home", service=("admin", "service", "member", "reader")),
    "guest": somebody("guest", "member", "reader"),
    "guest reader": somebody("guest", "reader"),
    "guest roleless": somebody("guest"),
    "other": somebody("other", "member", "reader"),
    "other reader": somebody("other", "reader"),
    "other roleless": somebody("other"),
    "homeless": somebody(None, "member", "reader"),
    "service": somebody("services", "service"),
    "admin": somebody("admins", "admin"),
    "homeless admin": somebody(None, "admin"),
}
ADMINS = {"admin", "homeless admin"}
EVERYBODY = set(CALLERS)
OWNERS = {name for name in CALLERS if name.startswith("owner")}
GUESTS = {name for name in CALLERS if name.startswith("guest")}
READERS = {name for name, caller in CALLERS.items() if "reader" in caller.roles}
MEMBERS = {name for name, caller in CALLERS.items() if "member" in caller.roles}

VISIBILITIES = ("private", "shared", "community", "public")
OPEN = VISIBILITIES[1:]
"""Where a rule does not ask whose image it is: who is shown one at all is decided before."""


def always(allowed: set[str]) -> dict[str, set[str]]:
    return dict.fromkeys(VISIBILITIES, allowed)


def of_visible(roles: set[str]) -> dict[str, set[str]]:
    return {"private": ADMINS | (roles & OWNERS), **dict.fromkeys(OPEN, ADMINS | roles)}


def of_sharers(sharers: set[str]) -> dict[str, set[str]]:
    """Who owns the image, or is a member of it."""
    return always(ADMINS | (sharers & (OWNERS | GUESTS)))


ADMIN = always(ADMINS)
SERVICE = always(ADMINS | {"service"})
PROJECT_MEMBER = always(ADMINS | (MEMBERS & OWNERS))
PROJECT_READER = always(ADMINS | (READERS & OWNERS))

DEFAULTS = {
    "default": always(EVERYBODY),
    "context_is_admin": ADMIN,
    "service_api": SERVICE,
    "add_image": PROJECT_MEMBER,
    "get_image": of_visible(READERS),
    "get_images": always(ADMINS | (READERS - {"homeless"})),
    "modify_image": PROJECT_MEMBER,
    "delete_image": PROJECT_MEMBER,
    "publicize_image": ADMIN,
    "communitize_image": PROJECT_MEMBER,
    "download_image": of_visible(MEMBERS),
    "download_from_store": of_visible(MEMBERS),
    "upload_image": PROJECT_MEMBER,
    "delete_image_location": ADMIN,
    "get_image_location": PROJECT_READER,
    "set_image_location": PROJECT_MEMBER,
    "add_member": PROJECT_MEMBER,
    "delete_member": PROJECT_MEMBER,
    "get_member": of_sharers(READERS),
    "get_members": of_sharers(READERS),
    "modify_member": always(ADMINS | (MEMBERS & GUESTS)),
    "copy_image": ADMIN,
    "add_image_location": {visibility: allowed | {"service"} for visibility, allowed in PROJECT_MEMBER.items()},
    "fetch_image_location": SERVICE,
    "tasks_api_access": ADMIN,
    "get_task": always(EVERYBODY),
    "get_tasks": always(EVERYBODY),
    "add_task": always(EVERYBODY),
    "modify_task": always(EVERYBODY),
    "deactivate": PROJECT_MEMBER,
    "reactivate": PROJECT_MEMBER,
    "stores_info_detail": SERVICE,
}
"""Who may, by visibility of the image, rule by rule. A new rule needs a row."""

BEFORE = {
    "get_image": EVERYBODY,
    "get_images": EVERYBODY,
    "download_image": EVERYBODY,
    "get_image_location": EVERYBODY,
    "get_member": OWNERS | GUESTS,
    "get_members": OWNERS | GUESTS,
    "modify_member": GUESTS,
    **dict.fromkeys(
        ("add_image", "modify_image", "delete_image", "communitize_image", "upload_image", "delete_image_location",
         "set_image_location", "add_member", "delete_member", "deactivate", "reactivate"),
        OWNERS,
    ),
}  # fmt: skip
"""Who may besides, where the new defaults are not enforced; rules that are not here stay as they are."""


def decide(policy: Policy, rule: str) -> dict[str, set[str]]:
    """Who is let in, by visibility of the image."""
    found = {}
    for visibility in VISIBILITIES:
        found[visibility] = set()
        for name, caller in CALLERS.items():
            membership = "pending" if caller.project_id == "guest" else None
            image = Image("i", owner="home", visibility=visibility, membership=membership)
            target = target_of(image, caller)
            if rule == "get_images":  # is asked about the caller's own project
                target = {"owner": caller.project_id, "project_id": caller.project_id}
            if policy.allows(caller, rule, target):
                found[visibility].add(name)
    return found


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_a_rule_lets_in_whom_it_names_and_nobody_else(rule: str) -> None:
    assert decide(Policy(), rule) == DEFAULTS[rule]


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_what_was_enough_before_is_enough_where_the_new_defaults_are_not_enforced(rule: str) -> None:
    more = BEFORE.get(rule, set())
    expected = {visibility: allowed | more for visibility, allowed in DEFAULTS[rule].items()}
    assert decide(Policy(only_new=False), rule) == expected


def test_a_rule_of_a_policy_file_stands_alone_whatever_was_enough_before() -> None:
    policy = Policy({"modify_image": "role:editor"}, only_new=False)
    assert decide(policy, "modify_image") == always(set())
    assert decide(policy, "delete_image") == always(ADMINS | OWNERS)


def test_no_row_is_left_of_a_rule_that_is_gone() -> None:
    assert set(DEFAULTS) == {rule.name for rule in RULES}
    assert set(BEFORE) <= set(DEFAULTS)


@pytest.mark.parametrize("owner", [None, ""])
def test_an_image_without_owner_is_changed_by_administrators_only(owner: str | None) -> None:
    for policy in (Policy(), Policy(only_new=False)):
        for rule in ("modify_image", "delete_image", "upload_image", "add_member", "deactivate"):
            target = target_of(Image("i", owner=owner, visibility="public"), CALLERS["homeless"])
            allowed = {name for name, caller in CALLERS.items() if policy.allows(caller, rule, target)}
            assert allowed == ADMINS


@pytest.mark.parametrize("name", ["owner", "project_id", "visibility", "image_id", "member_id"])
def test_no_property_takes_the_place_of_what_rules_decide_by(name: str) -> None:
    caller = CALLERS["other"]
    plain = target_of(Image("i", owner="home"), caller)
    assert target_of(Image("i", owner="home", properties={name: "other", "colour": "red"}), caller) == (
        plain | {"colour": "red"}
    )
