"""Many at once: what was accepted shows afterwards, what was not was told so, and no limit is passed."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from harness import Api, Service, make_service, running

RIVALS = 16
QUOTA = 5


@pytest.fixture(scope="module", params=["together", "apart"])
def tight(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service where an image soon has all that it may have."""
    limits = {f"IMAGE_{what}_QUOTA": str(QUOTA) for what in ("TAG", "PROPERTY", "MEMBER")}
    with running(make_service(tmp_path_factory.mktemp(request.param) / "data", request.param, **limits)) as service:
        yield service


def at_once(api: Api, request: Callable[[Api, int], int]) -> list[int]:
    """The statuses of one request each by many rivals, all sent at the same time; never one that blames the service."""
    start = Barrier(RIVALS)

    def run(number: int) -> int:
        caller = api.as_project(api.project)
        assert caller.get("/v2/schemas/image").status == 200  # the connection stands
        start.wait(30)
        return request(caller, number)

    with ThreadPoolExecutor(RIVALS) as pool:
        statuses = list(pool.map(run, range(RIVALS)))
    assert max(statuses) < 500, statuses
    return statuses


def winners(statuses: list[int], accepted: int, *refused: int) -> set[int]:
    """Who was accepted; everybody else was refused in one of these ways."""
    assert set(statuses) <= {accepted, *refused}, statuses
    won = {number for number, status in enumerate(statuses) if status == accepted}
    assert won
    return won


def put_tag(image_id: str) -> Callable[[Api, int], int]:
    return lambda caller, number: caller.put(f"/v2/images/{image_id}/tags/t{number}", None).status


def add_property(image_id: str) -> Callable[[Api, int], int]:
    return lambda caller, number: (
        caller.patch(image_id, [{"op": "add", "path": f"/p{number}", "value": str(number)}]).status
    )


def add_member(image_id: str) -> Callable[[Api, int], int]:
    return lambda caller, number: caller.post(f"/v2/images/{image_id}/members", {"member": f"m{number}"}).status


def tags(api: Api, image_id: str) -> set[int]:
    return {int(tag[1:]) for tag in api.show(image_id)["tags"]}


def properties(api: Api, image_id: str) -> set[int]:
    return {int(value) for name, value in api.show(image_id).items() if name[:1] == "p" and name[1:].isdigit()}


def members(api: Api, image_id: str) -> set[int]:
    return {int(one["member_id"][1:]) for one in api.get(f"/v2/images/{image_id}/members").json["members"]}


KINDS = pytest.mark.parametrize(
    ("add", "read", "accepted"),
    [(put_tag, tags, 204), (add_property, properties, 200), (add_member, members, 200)],
    ids=["tags", "properties", "members"],
)
Add = Callable[[str], Callable[[Api, int], int]]
Read = Callable[[Api, str], set[int]]


@KINDS
def test_each_accepted_addition_shows(api: Api, add: Add, read: Read, accepted: int) -> None:
    image_id = api.create()["id"]
    statuses = at_once(api, add(image_id))
    assert read(api, image_id) == winners(statuses, accepted, 409)


@KINDS
def test_no_rival_passes_a_quota(tight: Service, add: Add, read: Read, accepted: int) -> None:
    api = Api(tight.url)
    image_id = api.create()["id"]
    statuses = at_once(api, add(image_id))
    won = winners(statuses, accepted, 409, 413)
    assert len(won) <= QUOTA
    assert read(api, image_id) == won
    for number in range(RIVALS, RIVALS + QUOTA - len(won)):
        assert add(image_id)(api, number) == accepted
    assert add(image_id)(api, 99) == 413
    assert len(read(api, image_id)) == QUOTA


def test_different_changes_of_one_image_do_not_undo_each_other(api: Api) -> None:
    image_id = api.create(tags=["t100"])["id"]
    adds = (put_tag(image_id), add_property(image_id), add_member(image_id))
    statuses = at_once(api, lambda caller, number: adds[number % 3](caller, number))
    found = tags(api, image_id) - {100} | properties(api, image_id) | members(api, image_id)
    assert found == {number for number, status in enumerate(statuses) if status < 300}


def test_of_rivals_for_one_value_the_last_accepted_one_shows(api: Api) -> None:
    image_id = api.create(name="start")["id"]
    statuses = at_once(
        api,
        lambda caller, number: (
            caller.patch(
                image_id,
                [
                    {"op": "replace", "path": "/name", "value": f"n{number}"},
                    {"op": "add", "path": "/p", "value": str(number)},
                ],
            ).status
        ),
    )
    image = api.show(image_id)
    assert int(image["name"][1:]) == int(image["p"])  # never a mixture of two
    assert int(image["p"]) in winners(statuses, 200, 409)


def test_removed_tags_are_gone_and_no_others(api: Api) -> None:
    image_id = api.create(tags=[f"t{number}" for number in range(RIVALS + 2)])["id"]
    statuses = at_once(api, lambda caller, number: caller.delete(f"/v2/images/{image_id}/tags/t{number}").status)
    assert tags(api, image_id) == set(range(RIVALS + 2)) - winners(statuses, 204, 409)


def test_one_rival_creates_an_image_of_an_id(api: Api) -> None:
    image_id = str(uuid.uuid4())
    statuses = at_once(
        api, lambda caller, number: caller.post("/v2/images", {"id": image_id, "name": f"n{number}"}).status
    )
    (won,) = winners(statuses, 201, 409)
    assert api.show(image_id)["name"] == f"n{won}"


def test_one_rival_makes_a_project_a_member(api: Api) -> None:
    image_id = api.create()["id"]
    statuses = at_once(api, lambda caller, number: add_member(image_id)(caller, 7))
    assert len(winners(statuses, 200, 409)) == 1
    assert members(api, image_id) == {7}


def test_one_rival_deletes_an_image(api: Api) -> None:
    image_id = api.create_with(b"data")["id"]
    statuses = at_once(api, lambda caller, number: caller.delete(f"/v2/images/{image_id}").status)
    assert len(winners(statuses, 204, 404, 409)) == 1
    assert api.get(f"/v2/images/{image_id}").status == 404


def test_a_member_that_is_added_while_the_image_becomes_private_is_added_or_told_so(api: Api) -> None:
    image_id = api.create()["id"]
    body = [{"op": "replace", "path": "/visibility", "value": "private"}]
    turn: Callable[[Api, int], int] = lambda caller, number: caller.patch(image_id, body).status  # noqa: E731
    statuses = at_once(api, lambda caller, number: (add_member(image_id) if number % 2 else turn)(caller, number))
    added = {number for number, status in enumerate(statuses) if number % 2 and status == 200}
    assert {status for number, status in enumerate(statuses) if number % 2} <= {200, 403, 409}
    assert {status for number, status in enumerate(statuses) if not number % 2} <= {200, 409}
    assert api.patch(image_id, [{"op": "replace", "path": "/visibility", "value": "shared"}]).status == 200
    assert members(api, image_id) == added
