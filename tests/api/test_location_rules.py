"""Rules of locations by PATCH, and of stores that images are only read from."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from api.test_status_rules import saving
from fakes.remote import Asked, Remote, answer
from harness import PATCH_20, Api, Reply, Service, make_service, running

DATA = b"0123456789"
SHA, MD5 = "a" * 128, "b" * 32
HASHES = {"os_hash_algo": "sha512", "os_hash_value": SHA, "checksum": MD5}
QUOTA = 3


def serve(asked: Asked) -> bytes:
    return answer(Content_Length=len(DATA)) if asked.method == "HEAD" else answer(DATA)


@pytest.fixture(scope="module")
def web() -> Iterator[Remote]:
    """Ten bytes at each of many places, nothing at /empty, refusals at /refused, and nothing anywhere else."""
    remote = Remote()
    remote.pages |= {f"/{number}": serve for number in range(40)}
    remote.pages["/empty"] = answer(b"")
    remote.pages["/refused"] = answer(b"", "403 Forbidden")
    remote.pages["/" + "x" * 300] = serve
    yield remote
    remote.close()


def options(web: Remote, **more: str) -> dict[str, str]:
    return {
        "SHOW_MULTIPLE_LOCATIONS": "true",
        "IMPORT_FILTERING_OPTS_ALLOWED_NETWORKS": "127.0.0.1",
        "IMPORT_FILTERING_OPTS_ALLOWED_PORTS": f"{web.port},1",
        "IMAGE_LOCATION_QUOTA": str(QUOTA),
    } | more


@pytest.fixture(scope="module", params=["together", "apart"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, web: Remote) -> Iterator[str]:
    data_dir = tmp_path_factory.mktemp("places") / "data"
    with running(make_service(data_dir, request.param, **options(web))) as service:
        yield service.url


@pytest.fixture
def owner(url: str) -> Api:
    return Api(url)


def add(web: Remote, number: object, where: str = "-", **value: Any) -> dict[str, Any]:
    return {
        "op": "add",
        "path": f"/locations/{where}",
        "value": {"url": web.url(f"/{number}"), "metadata": {}} | value,
    }


def remove(where: object) -> dict[str, Any]:
    return {"op": "remove", "path": f"/locations/{where}"}


def numbers(reply: Reply) -> list[str]:
    """The places of an image, by the last part of their URL."""
    assert reply.status == 200, reply.text
    return [place["url"].rpartition("/")[2] for place in reply.json["locations"]]


# What a location may be -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None, "http://x", [], {}, {"url": "http://x"}, {"metadata": {}}, {"url": None, "metadata": {}},
        {"url": 1, "metadata": {}}, {"url": "U", "metadata": None}, {"url": "U", "metadata": []},
        {"url": "U", "metadata": "x"}, {"url": "LONG", "metadata": {}}, {"url": "U\0", "metadata": {}},
        {"url": "U", "metadata": {"a": "\0"}}, {"url": "U", "metadata": {"\U0001f600": "a"}},
        *(
            {"url": "U", "metadata": {}, "validation_data": data}
            for data in (
                None, "x", [], {}, {"os_hash_algo": "sha512"}, {"os_hash_value": SHA}, {"checksum": MD5},
                HASHES | {"more": "x"}, HASHES | {"checksum": "b" * 31}, HASHES | {"checksum": "b" * 33},
                HASHES | {"checksum": None}, HASHES | {"os_hash_algo": 1}, HASHES | {"os_hash_algo": "x" * 65},
                HASHES | {"os_hash_value": "a" * 129},
            )
        ),
    ],
    ids=lambda value: json.dumps(value)[:80],
)  # fmt: skip
def test_a_location_that_is_none_is_refused_and_nothing_changes(owner: Api, web: Remote, value: Any) -> None:
    image = owner.create()
    words = {"U": web.url("/1"), "LONG": web.url("/" + "x" * 300), "U\0": web.url("/1\0")}
    if isinstance(value, dict) and value.get("url") in words:
        value = value | {"url": words[value["url"]]}
    for operation in (
        {"op": "add", "path": "/locations/-", "value": value},
        {"op": "replace", "path": "/locations", "value": [value]},
        {"op": "replace", "path": "/locations", "value": value},
    ):
        is_emptied = operation["op"] == "replace" and operation["value"] == []
        assert owner.patch(image["id"], [operation]).status == (403 if is_emptied else 400)
    assert owner.show(image["id"]) == image


def test_a_url_of_255_characters_fits(owner: Api, web: Remote) -> None:
    path = "/" + "y" * (255 - len(web.url("/")))
    web.pages[path] = serve
    assert len(web.url(path)) == 255
    assert owner.patch(owner.create()["id"], [add(web, path[1:])]).status == 200
    web.pages[path + "y"] = serve
    assert owner.patch(owner.create()["id"], [add(web, path[1:] + "y")]).status == 400


@pytest.mark.parametrize("where", ["x", "-1", "+1", "1.0", "1e0", " 1", "\u0661", "\u00b2", "00000000001", "--", "0x1"])
def test_a_position_that_is_no_whole_number_is_refused(owner: Api, web: Remote, where: str) -> None:
    image = owner.create()
    assert numbers(owner.patch(image["id"], [add(web, 1), add(web, 2)])) == ["1", "2"]
    assert owner.patch(image["id"], [add(web, 3, where)]).status == 400
    assert owner.as_admin().patch(image["id"], [remove(where)]).status == 400
    assert owner.as_admin().patch(image["id"], [remove("-")]).status == 400
    assert numbers(owner.get(image["self"])) == ["1", "2"]


def test_a_position_may_be_far_beyond_the_end_to_add_but_not_to_remove(owner: Api, web: Remote) -> None:
    image = owner.create()
    assert numbers(owner.patch(image["id"], [add(web, 1), add(web, 2, "9" * 200), add(web, 3, "1")])) == ["1", "3", "2"]
    for where in ("3", "9" * 200):
        assert owner.as_admin().patch(image["id"], [remove(where)]).status == 400
    assert numbers(owner.as_admin().patch(image["id"], [remove(2), remove(0)])) == ["3"]


@pytest.mark.parametrize("place", ["empty", "refused", "none"])
def test_a_place_without_an_image_is_an_invalid_location(owner: Api, web: Remote, place: str) -> None:
    image = owner.create()
    reply = owner.patch(image["id"], [add(web, place)])
    assert reply.status == 400
    assert reply.json["message"].startswith("Invalid location")
    assert owner.show(image["id"]) == image


def test_a_place_that_does_not_answer_blames_the_store(owner: Api, web: Remote) -> None:
    image = owner.create()
    reply = owner.patch(image["id"], [add(web, 1, url="http://127.0.0.1:1/x")])
    assert reply.status == 503
    assert owner.show(image["id"]) == image


# Hashes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"os_hash_algo": "sha256"}, {"os_hash_algo": "sha256", "os_hash_value": "a" * 64}, {"os_hash_algo": ""},
        {"os_hash_value": "a" * 127}, {"os_hash_value": ""}, {"os_hash_value": "g" * 128}, {"checksum": "g" * 32},
    ],
)  # fmt: skip
def test_hashes_that_cannot_be_the_services_conflict(owner: Api, web: Remote, wrong: dict[str, str]) -> None:
    image = owner.create()
    assert owner.patch(image["id"], [add(web, 1, validation_data=HASHES | wrong)]).status == 409
    assert owner.show(image["id"]) == image


def test_hashes_of_a_further_place_must_be_those_of_the_image(owner: Api, web: Remote) -> None:
    image = owner.create()
    first = owner.patch(image["id"], [add(web, 1, validation_data=HASHES)]).json
    assert {name: first[name] for name in HASHES} == HASHES
    for name, other in (("os_hash_value", "c" * 128), ("checksum", "c" * 32), ("os_hash_algo", "sha256")):
        assert owner.patch(image["id"], [add(web, 2, validation_data=HASHES | {name: other})]).status == 409
    assert numbers(owner.patch(image["id"], [add(web, 2, validation_data=HASHES)])) == ["1", "2"]
    without = {name: HASHES[name] for name in ("os_hash_algo", "os_hash_value")}
    assert owner.patch(image["id"], [add(web, 3, validation_data=without)]).status == 200


def test_an_image_that_was_located_without_hashes_has_none(owner: Api, web: Remote) -> None:
    image = owner.create()
    shown = owner.patch(image["id"], [add(web, 1)]).json
    assert [shown[name] for name in HASHES] == [None] * 3
    assert "validation_data" not in shown["locations"][0]
    assert owner.patch(image["id"], [add(web, 2, validation_data=HASHES)]).status == 409


# Statuses, permissions, quotas ----------------------------------------------------------------------------------------


def test_locations_change_only_while_the_status_allows_it(owner: Api, web: Remote) -> None:
    image = owner.create()
    admin = owner.as_admin()
    assert admin.patch(image["id"], [remove(0)]).status == 409  # queued
    owner.patch(image["id"], [add(web, 1), add(web, 2)])
    assert owner.post(f"{image['self']}/actions/deactivate", None).status == 204
    replaced = [{"url": web.url(f"/{number}"), "metadata": {"k": "v"}} for number in (1, 2)]
    for operation in (add(web, 3), remove(0), {"op": "replace", "path": "/locations", "value": replaced}):
        assert admin.patch(image["id"], [operation]).status == 409
    assert owner.post(f"{image['self']}/actions/reactivate", None).status == 204
    assert numbers(owner.get(image["self"])) == ["1", "2"]


def test_an_image_that_receives_data_takes_no_location(owner: Api, web: Remote) -> None:
    image = owner.create()
    with saving(owner, image["id"]) as finish:
        assert owner.patch(image["id"], [add(web, 1)]).status == 409
        assert finish().status == 204
    assert owner.get(image["file"]).body == DATA


def test_locations_of_a_deactivated_image_are_shown_to_administrators_only(owner: Api, web: Remote) -> None:
    image = owner.create()
    owner.patch(image["id"], [add(web, 1)])
    assert owner.post(f"{image['self']}/actions/deactivate", None).status == 204
    assert "locations" not in owner.show(image["id"])
    assert "locations" not in owner.list(f"id={image['id']}")[0]
    assert "locations" not in owner.patch(image["id"], [{"op": "replace", "path": "/name", "value": "n"}]).json
    assert numbers(owner.as_admin().get(image["self"])) == ["1"]
    assert owner.get(image["file"]).status == 403


@pytest.mark.parametrize("verb", ["add", "replace", "remove"])
def test_who_may_not_change_an_image_changes_no_location(owner: Api, web: Remote, verb: str) -> None:
    image = owner.create(visibility="community")
    owner.patch(image["id"], [add(web, 1), add(web, 2)])
    value = [{"url": web.url(f"/{number}"), "metadata": {"k": "v"}} for number in (1, 2)]
    operation = {
        "add": add(web, 3),
        "replace": {"op": "replace", "path": "/locations", "value": value},
        "remove": remove(0),
    }[verb]
    for caller in (owner.as_stranger(), owner.as_reader()):
        assert caller.patch(image["id"], [operation]).status == 403
    assert numbers(owner.get(image["self"])) == ["1", "2"]


def test_the_old_media_type_changes_locations_too(owner: Api, web: Remote) -> None:
    image = owner.create()
    old = [{verb: "/locations/-", "value": add(web, number)["value"]} for verb, number in (("add", 1), ("add", 2))]
    assert numbers(owner.patch(image["id"], old, PATCH_20)) == ["1", "2"]
    assert numbers(owner.as_admin().patch(image["id"], [{"remove": "/locations/0"}], PATCH_20)) == ["2"]
    replaced = {"replace": "/locations", "value": [{"url": web.url("/2"), "metadata": {"k": "v"}}]}
    assert owner.patch(image["id"], [replaced], PATCH_20).json["locations"][0]["metadata"] == {"k": "v"}


def test_fields_and_locations_of_one_patch_change_together_or_not_at_all(owner: Api, web: Remote) -> None:
    image = owner.post("/v2/images", {}).json
    formats = [
        {"op": "add", "path": f"/{name}_format", "value": value}
        for name, value in (("disk", "raw"), ("container", "bare"))
    ]
    assert owner.patch(image["id"], [*formats, add(web, "none")]).status == 400
    assert owner.patch(image["id"], [*formats, add(web, 1), {"op": "remove", "path": "/none"}]).status == 409
    assert owner.show(image["id"]) == image
    shown = owner.patch(image["id"], [*formats, add(web, 1)]).json
    assert (shown["status"], shown["disk_format"], shown["size"], shown["virtual_size"]) == ("active", "raw", 10, None)


def test_places_are_counted_however_they_are_entered(owner: Api, web: Remote) -> None:
    image = owner.create()
    many = [add(web, number) for number in range(QUOTA + 1)]
    assert owner.patch(image["id"], many).status == 413
    whole = {"op": "replace", "path": "/locations", "value": [one["value"] for one in many]}
    assert owner.patch(image["id"], [whole]).status == 413
    assert owner.show(image["id"]) == image
    assert owner.patch(image["id"], many[:QUOTA]).status == 200
    assert owner.as_admin().patch(image["id"], [remove(0), many[QUOTA]]).status == 200
    assert owner.patch(image["id"], [many[0]]).status == 413


def test_a_deleted_image_leaves_what_lies_elsewhere_alone(owner: Api, web: Remote) -> None:
    image = owner.create_with(DATA)
    assert owner.patch(image["id"], [add(web, 1)]).status == 200
    asked = len(web.asked)
    assert owner.delete(image["self"]).status == 204
    assert owner.get(image["self"]).status == 404
    assert {one.method for one in web.asked[asked:]} <= {"GET", "HEAD"}


# Rivals ---------------------------------------------------------------------------------------------------------------


def at_once(count: int, request: Callable[[int], Reply]) -> list[int]:
    start = Barrier(count)

    def run(number: int) -> int:
        start.wait(30)
        return request(number).status

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_no_rival_passes_the_quota_of_locations_and_each_accepted_one_shows(owner: Api, web: Remote) -> None:
    image = owner.create()
    statuses = at_once(10, lambda number: owner.as_project(owner.project).patch(image["id"], [add(web, number)]))
    assert set(statuses) <= {200, 409, 413}, statuses
    won = {str(number) for number, status in enumerate(statuses) if status == 200}
    assert set(numbers(owner.get(image["self"]))) == won
    assert len(won) <= QUOTA
    for number in range(20, 20 + QUOTA - len(won)):
        assert owner.patch(image["id"], [add(web, number)]).status == 200
    assert owner.patch(image["id"], [add(web, 30)]).status == 413


def test_rivals_who_remove_places_leave_one(owner: Api, web: Remote) -> None:
    image = owner.create()
    assert owner.patch(image["id"], [add(web, number) for number in range(QUOTA)]).status == 200
    statuses = at_once(8, lambda _: owner.as_admin().patch(image["id"], [remove(0)]))
    assert set(statuses) <= {200, 403, 409}, statuses
    left = numbers(owner.get(image["self"]))
    assert len(left) == QUOTA - statuses.count(200) >= 1
    assert owner.get(image["file"]).body == DATA


def test_one_of_an_upload_and_a_location_makes_the_image_active(owner: Api, web: Remote) -> None:
    for _ in range(4):
        image = owner.create()
        asked = (
            lambda caller: caller.upload(image["id"], b"uploaded"),  # noqa: B023
            lambda caller: caller.patch(image["id"], [add(web, 1)]),  # noqa: B023
        )
        statuses = at_once(2, lambda number: asked[number](owner.as_project(owner.project)))  # noqa: B023
        shown = owner.show(image["id"])
        assert shown["status"] == "active"
        assert statuses in ([204, 409], [409, 200], [204, 400]), statuses
        body = b"uploaded" if statuses[0] == 204 else DATA
        assert (shown["size"], owner.get(image["file"]).body) == (len(body), body)


def test_no_rival_passes_the_storage_quota_by_locations(tmp_path: Path, web: Remote) -> None:
    """Ten bytes a place, of different images: four fit."""
    with running(make_service(tmp_path / "data", **options(web, USER_STORAGE_QUOTA="45"))) as service:
        api = Api(service.url)
        images = [api.create()["id"] for _ in range(8)]
        statuses = at_once(8, lambda number: api.as_project(api.project).patch(images[number], [add(web, number)]))
        assert set(statuses) <= {200, 409, 413}, statuses
        active = api.list("status=active")
        assert len(active) == statuses.count(200) <= 4
        for image_id in images:
            if api.show(image_id)["status"] == "queued" and len(active) < 4:
                assert api.patch(image_id, [add(web, 1)]).status == 200
                active = api.list("status=active")
        (late, *_) = [image_id for image_id in images if api.show(image_id)["status"] == "queued"]
        assert api.patch(late, [add(web, 1)]).status == 413


# Rules of the operator, and several stores ----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["together", "apart"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, web: Remote) -> Iterator[Service]:
    """A service with a store of its own and one on the web, and rules of its operator's."""
    folder = tmp_path_factory.mktemp(f"shop-{request.param}")
    rules = {
        "set_image_location": "role:placer",
        "delete_image_location": "role:dropper or role:blind",
        "get_image_location": "role:admin or not role:blind",
    }
    (folder / "policy.yaml").write_text(json.dumps(rules))
    more = {
        "ENABLED_BACKENDS": "fast:file,web:http",
        "GLANCE_STORE_DEFAULT_BACKEND": "fast",
        "OSLO_POLICY_POLICY_FILE": str(folder / "policy.yaml"),
    }
    with running(make_service(folder / "data", request.param, **options(web, **more))) as service:
        yield service


def with_role(service: Service, project: str, role: str) -> Api:
    return Api(service.url, project, f"member,reader,{role}")


def test_locations_have_rules_of_their_own(shop: Service, web: Remote) -> None:
    plain = Api(shop.url)
    placer, dropper, blind = (with_role(shop, plain.project, role) for role in ("placer", "dropper", "blind"))
    image = plain.create()
    entered = {"op": "replace", "path": "/locations", "value": [add(web, 1)["value"]]}
    for operation in (add(web, 1), entered):
        assert plain.patch(image["id"], [operation]).status == 403
    assert numbers(placer.patch(image["id"], [add(web, 1), add(web, 2)])) == ["1", "2"]
    assert "locations" not in blind.show(image["id"])
    assert placer.patch(image["id"], [remove(0)]).status == 403
    assert plain.as_admin().patch(image["id"], [remove(0)]).status == 403
    assert numbers(dropper.patch(image["id"], [remove(0)])) == ["2"]


def test_a_new_image_names_the_stores_that_are_only_read_too(shop: Service) -> None:
    reply = Api(shop.url).post("/v2/images", {})
    assert reply.headers["OpenStack-image-store-ids"] == "fast,web"


def test_a_location_says_which_store_it_is_in_whatever_the_caller_says(shop: Service, web: Remote) -> None:
    placer = with_role(shop, Api(shop.url).project, "placer")
    image = placer.create_with(DATA)
    shown = placer.patch(image["id"], [add(web, 1, metadata={"store": "fast", "k": "v"})]).json
    assert [place["metadata"] for place in shown["locations"]] == [{"store": "fast"}, {"store": "web", "k": "v"}]
    assert shown["stores"] == "fast,web"
    value = [place | {"metadata": {"store": "nowhere", "n": "1"}} for place in shown["locations"]]
    shown = placer.patch(image["id"], [{"op": "replace", "path": "/locations", "value": value}]).json
    assert [place["metadata"]["store"] for place in shown["locations"]] == ["fast", "web"]
    assert placer.get(f"{image['file']}?prefer=web").body == DATA


def test_a_copy_on_the_web_is_taken_out_of_its_store_like_any_other(shop: Service, web: Remote) -> None:
    placer = with_role(shop, Api(shop.url).project, "placer")
    dropper, blind = (with_role(shop, placer.project, role) for role in ("dropper", "blind"))
    image = placer.create_with(DATA)
    path = f"/v2/stores/web/{image['id']}"
    assert dropper.delete(path).status == 404
    placer.patch(image["id"], [add(web, 1), add(web, 2)])
    assert placer.delete(path).status == 403
    assert blind.delete(path).status == 403  # may remove, but may not see where
    assert dropper.delete(path).status == 204
    assert placer.show(image["id"])["stores"] == "fast"
    assert placer.get(image["file"]).body == DATA
    assert dropper.delete(path).status == 404


def test_the_copies_of_a_store_are_not_removed_where_they_are_all_there_is(shop: Service, web: Remote) -> None:
    placer = with_role(shop, Api(shop.url).project, "placer")
    dropper = with_role(shop, placer.project, "dropper")
    image = placer.create()
    placer.patch(image["id"], [add(web, 1), add(web, 2)])
    assert dropper.delete(f"/v2/stores/web/{image['id']}").status == 403
    assert numbers(placer.get(image["self"])) == ["1", "2"]
