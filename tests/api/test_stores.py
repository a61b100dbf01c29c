"""Several stores: told, chosen, preferred, and given up."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from databases import change_rows, connect
from harness import Api, Service, make_service, running

STORES = {
    "ENABLED_BACKENDS": "fast:file,cheap:file,spare:file",
    "GLANCE_STORE_DEFAULT_BACKEND": "fast",
    "FAST_STORE_DESCRIPTION": "Quick disks",
    "CHEAP_WEIGHT": "10",
    "SHOW_IMAGE_DIRECT_URL": "true",
}


@pytest.fixture(scope="module", params=["together", "apart"])
def many(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with three stores."""
    data_dir = tmp_path_factory.mktemp(request.param) / "data"
    with running(make_service(data_dir, request.param, **STORES)) as service:
        yield service


@pytest.fixture
def shop(many: Service) -> Api:
    return Api(many.url)


def add_copy(service: Service, image_id: str, store: str, data: bytes) -> None:
    """A copy of the image in one more store, as an import into several stores leaves it; its data tells them apart."""
    key = str(uuid.uuid4())
    path = service.data_dir / "stores" / store / key
    path.write_bytes(data)
    with closing(connect(service.database)) as database, closing(database.cursor()) as cursor:
        for table, changes in (("blobs", {"key": key, "store": store}), ("locations", {"blob": key, "store": store})):
            cursor.execute(f"SELECT * FROM {table} WHERE image_id = '{image_id}'")
            row = dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True)) | changes
            if table == "locations":
                row |= {"position": 1, "url": path.as_uri()}
                del row["id"]
            names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
            change_rows(service.database, f"INSERT INTO {table} ({names}) VALUES ({marks})", *row.values())


def files(service: Service, store: str) -> set[str]:
    """Names of what lies in a store, but for its marker."""
    return {path.name for path in (service.data_dir / "stores" / store).iterdir() if not path.name.startswith(".")}


# Discovery ------------------------------------------------------------------------------------------------------------


def test_the_stores_are_told_with_the_default_marked(shop: Api) -> None:
    reply = shop.get("/v2/info/stores")
    assert reply.status == 200
    assert reply.json == {
        "stores": [
            {"id": "fast", "description": "Quick disks", "default": "true"}, {"id": "cheap"}, {"id": "spare"},
        ]
    }  # fmt: skip


def test_details_of_stores_are_for_administrators_and_services(shop: Api, many: Service) -> None:
    assert shop.get("/v2/info/stores/detail").status == 403
    assert shop.as_reader().get("/v2/info/stores/detail").status == 403
    assert shop.as_project("nova", roles="service").get("/v2/info/stores/detail").status == 200
    reply = shop.as_admin().get("/v2/info/stores/detail")
    assert reply.status == 200
    fast, cheap, _ = reply.json["stores"]
    assert (fast["id"], fast["type"], fast["weight"], fast["default"]) == ("fast", "file", 0, "true")
    assert (cheap["id"], cheap["weight"]) == ("cheap", 10)
    assert fast["properties"]["data_dir"] == str(many.data_dir / "stores/fast")
    assert sorted(fast["properties"]) == ["chunk_size", "data_dir", "thin_provisioning"]


@pytest.mark.parametrize("path", ["/v2/info/stores", "/v2/info/stores/detail", "/v2/info/import"])
def test_what_the_service_offers_is_only_got(shop: Api, path: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD"):
        reply = shop.request(method, path)
        assert (reply.status, reply.headers["Allow"]) == (405, "GET")
    assert shop.as_admin().request("GET", path, {"a": 1}).status == 400


def test_the_ways_to_import_are_told(shop: Api) -> None:
    methods = shop.get("/v2/info/import").json["import-methods"]
    assert methods["type"] == "array"
    assert isinstance(methods["value"], list)


def test_a_service_with_one_store_does_not_speak_of_stores(api: Api) -> None:
    image_id = api.create_with(b"data")["id"]
    assert api.get("/v2/info/stores").status == 404
    assert api.as_admin().get("/v2/info/stores/detail").status == 404
    assert api.as_admin().delete(f"/v2/stores/file/{image_id}").status == 404
    assert api.get(f"/v2/images/{image_id}/file?prefer=file").status == 400
    assert "stores" not in api.show(image_id)
    assert "OpenStack-image-store-ids" not in api.post("/v2/images", {}).headers
    other = api.create()["id"]
    assert api.upload(other, b"data", x_image_meta_store="anything").status == 204


# Into a store ---------------------------------------------------------------------------------------------------------


def test_a_new_image_says_which_stores_there_are(shop: Api) -> None:
    reply = shop.post("/v2/images", {})
    assert reply.headers["OpenStack-image-store-ids"] == "fast,cheap,spare"
    assert "stores" not in reply.json


def test_data_goes_to_the_default_store_or_to_the_one_that_is_named(shop: Api, many: Service) -> None:
    image = shop.create_with(b"data")
    assert (image["stores"], image["direct_url"].startswith("file:///")) == ("fast", True)
    before = files(many, "cheap")
    other = shop.create()["id"]
    assert shop.upload(other, b"other", x_image_meta_store="cheap").status == 204
    assert shop.show(other)["stores"] == "cheap"
    assert len(files(many, "cheap") - before) == 1
    assert shop.get(f"/v2/images/{other}/file").body == b"other"


@pytest.mark.parametrize(
    "store", ["nowhere", "", "FAST", "os_glance_staging_store", "os_glance_tasks_store", "fast,cheap"]
)
def test_a_store_that_takes_no_images_is_refused_and_nothing_begins(shop: Api, store: str) -> None:
    image_id = shop.create()["id"]
    assert shop.upload(image_id, b"data", x_image_meta_store=store).status == 400
    assert shop.show(image_id)["status"] == "queued"
    assert shop.upload(image_id, b"data").status == 204


def test_an_unknown_store_is_told_before_an_unknown_image(shop: Api) -> None:
    assert shop.upload(str(uuid.uuid4()), b"data", x_image_meta_store="nowhere").status == 400
    assert shop.upload(str(uuid.uuid4()), b"data", x_image_meta_store="fast").status == 404


# Out of a store -------------------------------------------------------------------------------------------------------


def test_preferred_stores_are_a_wish(shop: Api) -> None:
    image_id = shop.create_with(b"data")["id"]
    for prefer in ("cheap", "cheap,fast", ",,fast,", "spare", ""):
        assert shop.get(f"/v2/images/{image_id}/file?prefer={prefer}").body == b"data"
    assert shop.get(f"/v2/images/{image_id}/file?prefer=nowhere").status == 400
    assert shop.get(f"/v2/images/{image_id}/file?prefer=fast,nowhere").status == 400


def test_the_heavier_store_is_read_first_the_preferred_one_before_it_and_the_next_where_one_fails(
    shop: Api, many: Service
) -> None:
    image_id = shop.create_with(b"fast")["id"]
    before = files(many, "cheap")
    add_copy(many, image_id, "cheap", b"CHEA")
    (name,) = files(many, "cheap") - before
    path = f"/v2/images/{image_id}/file"
    assert shop.get(path).body == b"CHEA"
    assert shop.get(f"{path}?prefer=fast").body == b"fast"
    assert shop.get(f"{path}?prefer=spare,fast").body == b"fast"
    assert shop.get(f"{path}?prefer=,cheap,fast").body == b"CHEA"
    assert shop.get(path, Range="bytes=1-2").body == b"HE"
    (many.data_dir / "stores/cheap" / name).unlink()
    assert shop.get(path).body == b"fast"
    assert shop.get(f"{path}?prefer=cheap").body == b"fast"


def test_to_name_a_store_to_read_from_is_a_right_of_its_own(
    start_service: Callable[..., Service], tmp_path: Path
) -> None:
    (tmp_path / "policy.yaml").write_text('download_from_store: "role:chooser"\n')
    service = start_service(OSLO_POLICY_POLICY_FILE=str(tmp_path / "policy.yaml"), **STORES)
    api = Api(service.url)
    path = f"/v2/images/{api.create_with(b'data')['id']}/file"
    assert (api.get(path).status, api.get(f"{path}?prefer=fast").status) == (200, 403)
    assert api.as_project(api.project, "member,reader,chooser").get(f"{path}?prefer=fast").body == b"data"


def test_a_copy_is_removed_and_the_other_stays(shop: Api, many: Service) -> None:
    image = shop.create_with(b"data")
    before = files(many, "spare")
    add_copy(many, image["id"], "spare", b"data")
    (name,) = files(many, "spare") - before
    assert shop.show(image["id"])["stores"] == "fast,spare"
    admin = shop.as_admin()
    reply = admin.delete(f"/v2/stores/spare/{image['id']}")
    assert (reply.status, reply.body) == (204, b"")
    assert shop.show(image["id"])["stores"] == "fast"
    assert shop.get(f"/v2/images/{image['id']}/file").body == b"data"
    _until_gone(many.data_dir / "stores/spare" / name)
    assert admin.delete(f"/v2/stores/spare/{image['id']}").status == 404
    assert admin.delete(f"/v2/stores/fast/{image['id']}").status == 403


def test_the_stores_of_an_image_are_told_in_the_order_of_their_ids(shop: Api, many: Service) -> None:
    image_id = shop.create_with(b"data")["id"]
    add_copy(many, image_id, "cheap", b"data")
    assert shop.show(image_id)["stores"] == "cheap,fast"


def test_the_only_copy_of_an_image_stays(shop: Api) -> None:
    image = shop.create_with(b"data")
    path = f"/v2/stores/fast/{image['id']}"
    assert shop.as_admin().delete(path).status == 403
    assert shop.show(image["id"]) == image


def test_copies_are_removed_by_administrators_where_they_are(shop: Api) -> None:
    image = shop.create_with(b"data", visibility="community")
    hidden = shop.create_with(b"data", visibility="private")
    admin = shop.as_admin()
    assert shop.delete(f"/v2/stores/fast/{image['id']}").status == 403
    assert shop.as_stranger().delete(f"/v2/stores/fast/{image['id']}").status == 403
    assert shop.as_stranger().delete(f"/v2/stores/fast/{hidden['id']}").status == 404
    assert admin.delete(f"/v2/stores/cheap/{image['id']}").status == 404
    assert admin.delete(f"/v2/stores/nowhere/{image['id']}").status == 409
    assert admin.delete(f"/v2/stores/fast/{uuid.uuid4()}").status == 404
    assert admin.request("DELETE", f"/v2/stores/fast/{image['id']}", {"a": 1}).status == 400
    assert shop.show(image["id"]) == image


def test_copies_of_an_image_that_is_not_active_stay(shop: Api) -> None:
    image_id = shop.create_with(b"data")["id"]
    queued = shop.create()["id"]
    assert shop.post(f"/v2/images/{image_id}/actions/deactivate", None).status == 204
    for one in (image_id, queued):
        assert shop.as_admin().delete(f"/v2/stores/fast/{one}").status == 409


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "HEAD"])
def test_a_copy_is_only_deleted(shop: Api, method: str) -> None:
    reply = shop.request(method, f"/v2/stores/fast/{uuid.uuid4()}")
    assert (reply.status, reply.headers["Allow"]) == (405, "DELETE")


def test_a_deactivated_image_hides_its_stores_from_its_owner(shop: Api) -> None:
    image_id = shop.create_with(b"data")["id"]
    assert shop.post(f"/v2/images/{image_id}/actions/deactivate", None).status == 204
    assert {"stores", "direct_url"}.isdisjoint(shop.show(image_id))
    assert {"stores", "direct_url"} <= shop.as_admin().show(image_id).keys()


def test_a_deleted_image_leaves_no_bytes_in_its_store(shop: Api, many: Service) -> None:
    before = files(many, "spare")
    image_id = shop.create()["id"]
    assert shop.upload(image_id, b"data", x_image_meta_store="spare").status == 204
    (name,) = files(many, "spare") - before
    assert shop.delete(f"/v2/images/{image_id}").status == 204
    _until_gone(many.data_dir / "stores/spare" / name)


def _until_gone(path: Path) -> None:
    deadline = time.monotonic() + 10
    while path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def test_no_name_of_an_option_or_an_attribute_is_more_than_a_property(shop: Api) -> None:
    names = (
        "store",
        "weight",
        "image_id",
        "extra_properties",
        "base",
        "member",
        "get_data",
        "blob",
        "__class__",
        "_state",
    )
    image = shop.create(**dict.fromkeys(names, "x"))
    assert {name: image[name] for name in names} == dict.fromkeys(names, "x")
    assert shop.upload(image["id"], b"data").status == 204
    assert shop.show(image["id"])["stores"] == "fast"
