"""Sharing an image: members, what they say to it, and projects by name."""

import json
from collections.abc import Iterator

import pytest
from fakes.keystone import FakeKeystone, User, serving

HOME, ABROAD, AWAY, TWIN = "1" * 32, "2" * 32, "3" * 32, "4" * 32
PROJECTS = {
    HOME: ("home", "default"), ABROAD: ("abroad", "default"), AWAY: ("twin", "0d1e2f"), TWIN: ("twin", "default"),
}  # fmt: skip


@pytest.fixture
def image(glancelite, name):
    done = glancelite("image", "create", name, "--shared", "-f", "value", "-c", "id")
    assert done.code == 0, done.err
    return done.out.strip()


@pytest.fixture
def keystone(endpoint) -> Iterator[FakeKeystone]:
    """A Keystone whose catalog has the service, and where `boss` may look at projects and `other` may not."""
    users = [User("boss", "p", HOME, "b"), User("other", "p", ABROAD, "o", may_look=False)]
    with serving(FakeKeystone(endpoint, PROJECTS, users)) as found:
        yield found


def login(keystone, who="boss"):
    names = {"OS_AUTH_URL": keystone.url, "OS_USERNAME": who, "OS_PASSWORD": "p", "OS_PROJECT_NAME": "home"}
    return {**names, "OS_AUTH_TYPE": "password", "OS_ENDPOINT": None}


def members(glancelite, image):
    rows = glancelite("image", "member", "list", image, "-f", "json").json
    return {row["Member ID"]: row["Status"] for row in rows}


def test_an_image_is_shared_accepted_and_taken_back(glancelite, image, name):
    added = glancelite("image", "add", "project", name, "p1", "-f", "json").json
    assert (added["image_id"], added["member_id"], added["status"]) == (image, "p1", "pending")
    glancelite("image", "add", "project", name, "p2")

    assert glancelite("image", "set", name, "--accept", "--project", "p1").out == ""
    assert glancelite("image", "set", name, "--reject", "--project", "p2").code == 0
    assert members(glancelite, image) == {"p1": "accepted", "p2": "rejected"}
    assert glancelite("image", "show", name, "-f", "json").json.get("owner") != "p1"
    assert glancelite("image", "set", name, "--pending", "--project", "p1", "--tag", "t").code == 0
    shown = glancelite("image", "member", "get", name, "p1", "-f", "json").json
    assert (shown["member_id"], shown["status"]) == ("p1", "pending")
    assert glancelite("image", "show", name, "-f", "value", "-c", "tags").out == "['t']\n"

    assert glancelite("image", "remove", "project", name, "p1").code == 0
    assert members(glancelite, image) == {"p2": "rejected"}


def test_without_a_project_the_only_member_shown_is_meant(glancelite, image):
    glancelite("image", "add", "project", image, "p1")
    assert glancelite("image", "set", image, "--accept").code == 0
    assert members(glancelite, image) == {"p1": "accepted"}

    glancelite("image", "add", "project", image, "p2")
    done = glancelite("image", "set", image, "--reject")

    assert (done.code, members(glancelite, image)) == (1, {"p1": "accepted", "p2": "pending"})
    assert done.err.endswith("Of the image's 2 members, say with --project which one is meant.\n")


def test_what_goes_wrong_names_the_image_and_the_project(glancelite, image):
    glancelite("image", "add", "project", image, "p1")

    again = glancelite("image", "add", "project", image, "p1")
    unknown = glancelite("image", "member", "get", image, "p9")
    gone = glancelite("image", "remove", "project", image, "p9")

    assert again.code == unknown.code == 1
    assert again.err.startswith(f"Error: Cannot share image '{image}' with project 'p1': ")
    assert "(HTTP 409, request req-" in again.err
    assert unknown.err.startswith(f"Error: Cannot show project 'p9' of image '{image}': ")
    assert (gone.code, gone.out) == (0, "")  # as openstack ends, which says nothing at all
    assert gone.err.startswith(f"Image '{image}' was not shared with project 'p9': ")
    assert "(HTTP 404, request req-" in gone.err


def test_what_was_done_before_a_failure_is_said(glancelite, name, disk):
    glancelite("image", "create", name, "--file", disk)

    done = glancelite("image", "set", name, "--deactivate", "--disk-format", "iso")

    assert done.code == 1
    first, last = done.err.splitlines()
    assert first == "The image was deactivated."
    assert last.startswith(f"Error: Cannot change image '{name}': ")
    assert glancelite("image", "show", name, "-f", "value", "-c", "status").out == "deactivated\n"
    assert glancelite("image", "set", name, "--activate").code == 0
    assert glancelite("image", "show", name, "-f", "value", "-c", "status").out == "active\n"


def test_keystone_is_asked_for_a_projects_name(glancelite, image, keystone):
    who = login(keystone)

    for reference, words in (("abroad", ()), (HOME, ()), ("twin", ("--project-domain", "Elsewhere"))):
        done = glancelite("image", "add", "project", image, reference, *words, **who)
        assert done.code == 0, done.err

    assert set(members(glancelite, image)) == {ABROAD, HOME, AWAY}
    assert glancelite("image", "set", image, "--accept", **who).code == 0  # the login's own
    assert members(glancelite, image)[HOME] == "accepted"
    assert glancelite("image", "set", image, "--project", "abroad", **who).code == 0
    assert glancelite("image", "show", image, "-f", "value", "-c", "owner").out.strip() == ABROAD
    listed = glancelite("image", "list", "--project", "abroad", "-f", "json", **who).json
    assert image in [row["ID"] for row in listed]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "Cannot find project 'nobody': Keystone knows no project with the name or ID 'nobody'."),
        (["twin"], f"2 projects have the name 'twin'; give the ID of one: {AWAY}, {TWIN}."),
        (["abroad", "--project-domain", "Mars"], "Keystone knows no domain with the name or ID 'Mars'."),
        ([HOME, "--project-domain", "Elsewhere"], f"Keystone knows no project with the name or ID '{HOME}'."),
    ],
)
def test_a_project_that_keystone_does_not_know_is_nobodys(glancelite, image, keystone, words, said):
    done = glancelite("image", "add", "project", image, *words, **login(keystone))

    assert done.code == 1
    assert done.err.endswith(said + "\n")
    assert members(glancelite, image) == {}


def test_who_may_not_look_at_projects_means_an_id(glancelite, image, keystone):
    done = glancelite("image", "add", "project", image, "anything", **login(keystone, "other"))

    assert done.code == 0, done.err
    assert members(glancelite, image) == {"anything": "pending"}


def test_versions_tell_the_region_that_the_catalog_has(glancelite, keystone):
    rows = glancelite("versions", "show", "--status", "current", "-f", "json", **login(keystone)).json

    assert [(row["Region Name"], row["Version"], row["Status"]) for row in rows] == [("RegionOne", "2.17", "CURRENT")]
    assert json.loads(glancelite("versions", "show", "--service", "compute", "-f", "json").out) == []
