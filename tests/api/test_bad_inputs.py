"""Bad inputs: each gets its 4xx, says what was wrong, and changes nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from api.bad_inputs import CREATES, DATA, LISTS, MEMBERS, PATCHES, PATHS, TAGS, Case
from harness import Api, Service

APART_IS_SLOW = True

CASES = (*CREATES, *PATCHES, *LISTS, *PATHS, *DATA, *MEMBERS, *TAGS)


@dataclass
class World:
    """Images of a member, one shared with it and one that it cannot see; and what all of them look like."""

    api: Api
    names: dict[str, str]
    seen: Any = field(default=None)

    def look(self) -> Any:
        """Everything that a bad request might have changed."""
        images = self.api.list(f"owner={self.api.project}&limit=1000")
        for image in images:
            if image["id"] in (self.names["queued"], self.names["qcow2"]):
                del image["updated_at"]  # an upload that begins and fails is a change and a change back
        paths = [f"/v2/images/{self.names[name]}/members" for name in ("image", "shared")]
        data = self.api.get(f"/v2/images/{self.names['image']}/file").body
        others = [self.api.as_admin().show(self.names[name]) for name in ("shared", "hidden")]
        return images, [self.api.get(path).json for path in paths], data, others


@pytest.fixture(scope="module")
def world(service: Service) -> Iterator[World]:
    api, somebody = Api(service.url), Api(service.url)
    image = api.create_with(b"0123456789", name="image", p="1", tags=["t"])["id"]
    assert api.post(f"/v2/images/{image}/members", {"member": "m"}).status == 200
    shared = somebody.create()["id"]
    assert somebody.post(f"/v2/images/{shared}/members", {"member": api.project}).status == 200
    names = {
        "image": image,
        "IMAGE": image.upper(),
        "queued": api.create(name="queued")["id"],
        "qcow2": api.create(disk_format="qcow2")["id"],
        "bare": api.create(disk_format=None, container_format=None)["id"],
        "shared": shared,
        "hidden": somebody.create(visibility="private")["id"],
        "me": api.project,
    }
    made = World(api, names)
    made.seen = made.look()
    yield made


def filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def test_there_are_many_and_no_two_alike() -> None:
    told = [(case.method, case.path, repr(case.body), str(case.headers)) for case in CASES]
    assert len(set(told)) == len(told) >= 200


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_bad_input_is_refused_and_changes_nothing(world: World, case: Case) -> None:
    body = case.body
    if body is not None and not isinstance(body, bytes):
        body = filled(json.dumps(body), world.names).encode()
    headers = {"Content-Type": ""} | case.headers

    reply = world.api.request(case.method, filled(case.path, world.names), body, headers)

    before, world.seen = world.seen, world.look()
    assert reply.status == case.status, reply.text
    assert world.seen == before
    if case.method != "HEAD":
        assert reply.json["message"].strip()
        assert reply.json["code"].startswith(str(case.status))
