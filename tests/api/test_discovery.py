"""What a service tells of itself: its versions, stores, ways to import and usage, by how it is set up."""

from collections.abc import Iterator

import pytest
from harness import Api, make_service, running

STORES = {
    "ENABLED_BACKENDS": "fast:file,web:http,mem:memory",
    "GLANCE_STORE_DEFAULT_BACKEND": "fast",
    "WEB_STORE_DESCRIPTION": "Elsewhere",
    "WEB_WEIGHT": "7",
    "SHOW_MULTIPLE_LOCATIONS": "true",
}
OFFERED = [f"v2.{minor}" for minor in (17, 15, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)]
NEEDS_A_CACHE = ["v2.14", "v2.16", "v2.18"]
PATHS = ("/v2/info/stores", "/v2/info/stores/detail", "/v2/info/import", "/v2/info/usage")


@pytest.fixture(scope="module", params=["together", "apart"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with a store of each kind."""
    with running(make_service(tmp_path_factory.mktemp("kinds") / "data", request.param, **STORES)) as service:
        yield service.url


@pytest.fixture
def shop(url: str) -> Api:
    return Api(url)


def test_several_stores_bring_versions_of_their_own(shop: Api) -> None:
    listed = shop.get("/versions").json["versions"]
    assert [entry["id"] for entry in listed] == OFFERED
    assert [entry["id"] for entry in listed if entry["status"] == "CURRENT"] == ["v2.17"]
    image = shop.create()
    for version in ("v2.8", "v2.10", "v2.11", "v2.12", "v2.13"):
        assert shop.get(f"/{version}/images/{image['id']}").json == image
    for version in NEEDS_A_CACHE:
        assert shop.get(f"/{version}/images").status == 300


def test_a_store_that_is_only_read_says_so_in_text_and_only_the_default_is_the_default(shop: Api) -> None:
    assert shop.get("/v2/info/stores").json == {
        "stores": [
            {"id": "fast", "default": "true"},
            {"id": "mem"},
            {"id": "web", "description": "Elsewhere", "read-only": "true"},
        ]
    }


def test_the_details_of_a_store_are_those_of_its_kind(shop: Api) -> None:
    details = {one["id"]: one for one in shop.as_admin().get("/v2/info/stores/detail").json["stores"]}
    assert details["web"] == {
        "id": "web",
        "description": "Elsewhere",
        "read-only": "true",
        "type": "http",
        "weight": 7,
        "properties": {},
    }
    assert details["fast"]["properties"].keys() == {"data_dir", "chunk_size", "thin_provisioning"}
    assert (details["fast"]["type"], details["fast"]["weight"]) == ("file", 0)


def test_data_for_a_store_that_is_only_read_is_410_and_the_image_stays_queued(shop: Api) -> None:
    image = shop.create()
    refused = shop.upload(image["id"], b"data", x_image_meta_store="web")
    assert (refused.status, "'web' takes no images" in refused.json["message"]) == (410, True)
    assert shop.show(image["id"]) == image
    assert shop.upload(image["id"], b"data", x_image_meta_store="mem").status == 204


def test_a_location_names_its_store(shop: Api) -> None:
    for store in ("fast", "mem"):
        image = shop.create()
        assert shop.upload(image["id"], b"data", x_image_meta_store=store).status == 204
        (location,) = shop.show(image["id"])["locations"]
        assert location["metadata"] == {"store": store}
        assert shop.show(image["id"])["stores"] == store


def test_discovery_asks_for_no_role_but_for_details(shop: Api) -> None:
    roleless = shop.as_project(shop.project, "")
    assert [roleless.get(path).status for path in PATHS] == [200, 403, 200, 200]
    assert [shop.as_nobody().get(path).status for path in PATHS] == [401] * 4
    for roles, status in (("service", 200), ("admin", 200), ("member,reader", 403)):
        assert shop.as_project("p", roles).get("/v2/info/stores/detail").status == status
    beside = {"X-Service-Roles": "service,admin"}
    assert shop.request("GET", "/v2/info/stores/detail", headers=beside).status == 403
    assert shop.get("/v2/info/usage").json == {"usage": {}}
    methods = shop.get("/v2/info/import").json["import-methods"]
    assert methods.keys() == {"description", "type", "value"}
    assert methods["type"] == "array"


@pytest.mark.parametrize("path", PATHS)
def test_discovery_is_only_got_and_takes_no_body(shop: Api, path: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD"):
        reply = shop.as_admin().request(method, path)
        assert (reply.status, reply.headers["Allow"]) == (405, "GET")
    refused = shop.as_admin().request("GET", path, {})
    assert (refused.status, refused.json["message"]) == (400, "A body is not expected with this request.")
    for beyond in (f"{path}/", f"{path}/x"):
        if beyond not in PATHS:
            assert shop.as_admin().get(beyond).status == 404


def test_what_is_switched_off_is_not_found(api: Api) -> None:
    image_id = api.create()["id"]
    admin = api.as_admin()
    for method, path in (("GET", "/v2/info/stores"), ("GET", "/v2/info/stores/detail"), ("DELETE", "/v2/stores/x/y")):
        assert admin.request(method, path).status == 404
    for method, path in (("GET", "/v2/cached_images"), ("GET", "/v2/queued_images"), ("GET", "/v1/images/detail")):
        assert admin.request(method, path).status == (300 if path.startswith("/v1") else 404)
    assert admin.get(f"/v2/images/{image_id}/nothing").status == 404
