"""What each quota counts, and how it is written."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.remote import Asked, Remote, answer
from harness import Api, Service, make_service, running

from glancelite.config import load
from glancelite.errors import ConfigError

DATA = b"0123456789" * 100


@pytest.fixture
def web() -> Iterator[Remote]:
    """A place on the web with a thousand bytes under any query."""
    remote = Remote()

    def page(asked: Asked) -> bytes:
        whole = answer(DATA)
        return whole if asked.method == "GET" else whole[: -len(DATA)]

    remote.pages.update({f"/data?{number}": page for number in range(20)})
    yield remote
    remote.close()


def located(web: Remote, **more: str) -> dict[str, str]:
    return {
        "SHOW_MULTIPLE_LOCATIONS": "true",
        "IMPORT_FILTERING_OPTS_ALLOWED_NETWORKS": "127.0.0.1",
        "IMPORT_FILTERING_OPTS_ALLOWED_PORTS": str(web.port),
        **more,
    }


def add(web: Remote, number: int) -> dict[str, object]:
    value = {"url": web.url(f"/data?{number}"), "metadata": {}}
    return {"op": "add", "path": "/locations/-", "value": value}


def test_members_have_a_quota_that_leaving_ones_make_room_in(start_service: Callable[..., Service]) -> None:
    api = Api(start_service(IMAGE_MEMBER_QUOTA="2").url)
    image_id, other = api.create()["id"], api.create()["id"]
    path = f"/v2/images/{image_id}/members"
    assert [api.post(path, {"member": name}).status for name in "abc"] == [200, 200, 413]
    refused = api.as_admin().post(path, {"member": "d"})
    assert refused.status == 413
    assert refused.json["message"].endswith("Attempted: 3, maximum: 2.")
    assert api.post(f"/v2/images/{other}/members", {"member": "c"}).status == 200
    assert api.delete(f"{path}/a").status == 204
    assert api.post(path, {"member": "c"}).status == 200


def test_a_quota_of_nothing_lets_nothing_in(start_service: Callable[..., Service]) -> None:
    api = Api(start_service(IMAGE_MEMBER_QUOTA="0", IMAGE_TAG_QUOTA="0", IMAGE_PROPERTY_QUOTA="0").url)
    image_id = api.create()["id"]
    assert api.post(f"/v2/images/{image_id}/members", {"member": "m"}).status == 413
    assert api.put(f"/v2/images/{image_id}/tags/t", None).status == 413
    assert api.post("/v2/images", {"tags": ["t"]}).status == 413
    assert api.post("/v2/images", {"p": "v"}).status == 413


def test_the_quotas_that_nobody_set_are_those_of_the_image_api(api: Api) -> None:
    names = [f"n{number}" for number in range(129)]
    full, more = dict.fromkeys(names[:128], "v"), dict.fromkeys(names, "v")
    assert (api.post("/v2/images", more).status, api.post("/v2/images", {"tags": names}).status) == (413, 413)
    image_id = api.create(tags=names[:128], **full)["id"]
    assert api.put(f"/v2/images/{image_id}/tags/more", None).status == 413
    assert api.patch(image_id, [{"op": "add", "path": "/more", "value": "v"}]).status == 413
    answers = [api.post(f"/v2/images/{image_id}/members", {"member": name}).status for name in names]
    assert answers == [200] * 128 + [413]


def test_ten_locations_are_the_most_unless_the_quota_is_negative(
    web: Remote, start_service: Callable[..., Service]
) -> None:
    ten = Api(start_service("ten", **located(web)).url)
    image_id = ten.create()["id"]
    assert ten.patch(image_id, [add(web, number) for number in range(10)]).status == 200
    assert ten.patch(image_id, [add(web, 10)]).status == 413
    any_number = Api(start_service("any", **located(web, IMAGE_LOCATION_QUOTA="-1")).url)
    image_id = any_number.create()["id"]
    assert any_number.patch(image_id, [add(web, number) for number in range(12)]).status == 200
    assert len(any_number.show(image_id)["locations"]) == 12


def test_bytes_count_once_for_each_place_where_they_are(web: Remote, start_service: Callable[..., Service]) -> None:
    api = Api(start_service(**located(web, USER_STORAGE_QUOTA="2 KB")).url)
    image = api.create_with(DATA)
    assert api.patch(image["id"], [add(web, 1)]).status == 200
    assert api.patch(image["id"], [add(web, 2)]).status == 413
    other = api.create()
    assert api.upload(other["id"], bytes(49)).status == 413
    assert api.upload(other["id"], bytes(48)).status == 204
    assert api.as_admin().patch(image["id"], [{"op": "remove", "path": "/locations/1"}]).status == 200
    assert api.create_with(DATA)["status"] == "active"


@pytest.mark.parametrize("quota", ["0", "-1", "-5 GB"])
def test_no_storage_quota_is_any_number_of_bytes(
    web: Remote, start_service: Callable[..., Service], quota: str
) -> None:
    api = Api(start_service(**located(web, USER_STORAGE_QUOTA=quota)).url)
    image = api.create_with(DATA)
    assert api.patch(image["id"], [add(web, 1)]).status == 200
    assert api.create_with(DATA)["status"] == "active"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("10", 10),
        ("10B", 10),
        ("1 KB", 1 << 10),
        ("1K", 1 << 10),
        ("3MB", 3 << 20),
        ("3m", 3 << 20),
        ("2 GB", 2 << 30),
        ("2g", 2 << 30),
        ("1TB", 1 << 40),
        ("1T", 1 << 40),
    ],
)
def test_a_storage_quota_may_have_a_unit(text: str, size: int) -> None:
    assert load(environ={"GLANCELITE_USER_STORAGE_QUOTA": text})["user_storage_quota"] == size


@pytest.mark.parametrize("text", ["", "1.5 GB", "1 PB", "GB", "1 GB 2 MB", "1kib"])
def test_a_storage_quota_that_is_no_size_stops_the_start(text: str) -> None:
    with pytest.raises(ConfigError, match="user_storage_quota"):
        load(environ={"GLANCELITE_USER_STORAGE_QUOTA": text})


def test_a_location_that_is_known_by_its_url_alone_has_no_hash_to_tell(
    web: Remote, start_service: Callable[..., Service]
) -> None:
    api = Api(start_service(**located(web)).url)
    image = api.create()
    assert api.patch(image["id"], [add(web, 1)]).status == 200
    reply = api.get(image["file"])
    assert (reply.status, reply.body, "Content-MD5" in reply.headers) == (200, DATA, False)
    checked = api.create()
    operation = add(web, 2)
    md5, sha512 = hashlib.md5(DATA).hexdigest(), hashlib.sha512(DATA).hexdigest()
    operation["value"]["validation_data"] = {  # type: ignore[index]
        "checksum": md5, "os_hash_algo": "sha512", "os_hash_value": sha512,
    }  # fmt: skip
    assert api.patch(checked["id"], [operation]).status == 200
    assert api.get(checked["file"]).headers["Content-MD5"] == md5


def test_the_url_of_a_location_has_255_characters_at_most(web: Remote, tmp_path: Path) -> None:
    with running(make_service(tmp_path / "data", **located(web))) as service:
        api = Api(service.url)
        image = api.create()
        for length, status in ((255, 200), (256, 400)):
            target = "/data?1".ljust(length - len(web.url("")), "x")
            web.pages[target] = web.pages["/data?1"]
            operation = {"op": "add", "path": "/locations/-", "value": {"url": web.url(target), "metadata": {}}}
            assert (len(web.url(target)), api.patch(image["id"], [operation]).status) == (length, status)
