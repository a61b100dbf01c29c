"""The health check asks database and stores anew each time."""

from collections.abc import Callable

from harness import Api, Service


def test_a_healthy_service_says_ok_to_everybody(api: Api) -> None:
    for caller in (api, api.as_nobody()):
        reply = caller.get("/healthcheck", Accept="*/*")
        assert (reply.status, reply.body) == (200, b"OK")
        assert reply.headers["Content-Type"].startswith("text/plain")
    assert api.request("HEAD", "/healthcheck").status == 204


def test_its_parts_are_told_to_who_asks_for_details(api: Api) -> None:
    reply = api.get("/healthcheck?detail=1")
    assert reply.json == {"detailed": True, "reasons": ["OK"], "parts": {"registry": "OK", "store file": "OK"}}


def test_without_its_registry_a_node_is_not_healthy_and_says_so_on_each_path(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(deployment="apart")
    api = Api(service.url)
    image = api.create_with(b"x")
    registry = service.daemons[0]
    registry.stop()
    ill = api.get("/healthcheck?detail=1")
    assert ill.status == 503
    assert "registry cannot be reached" in ill.json["parts"]["registry"]
    assert ill.json["parts"]["store file"] == "OK"
    assert api.request("HEAD", "/healthcheck").status == 503
    for reply in (
        api.get("/v2/images"),
        api.get(image["self"]),
        api.get(image["file"]),
        api.post("/v2/images", {}),
        api.delete(image["self"]),
        api.upload(image["id"], b"x"),
    ):
        assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
        assert "The registry cannot be reached" in reply.json["message"]
    assert [api.get(path).status for path in ("/versions", "/v2/schemas/image")] == [200, 200]
    registry.start()
    assert api.get("/healthcheck").status == 200
    assert api.get(image["file"]).body == b"x"


def test_without_its_store_a_node_is_not_healthy(start_service: Callable[..., Service]) -> None:
    service = start_service()
    api = Api(service.url)
    image = api.create_with(b"x")
    directory = service.data_dir / "images"
    directory.rename(directory.with_name("away"))
    ill = api.get("/healthcheck?detail=1")
    assert (ill.status, ill.json["parts"]["registry"]) == (503, "OK")
    assert "is the right disk mounted?" in ill.json["parts"]["store file"]
    assert api.upload(api.create()["id"], b"x").status == 503
    directory.with_name("away").rename(directory)
    assert api.get("/healthcheck").status == 200
    assert api.get(image["file"]).body == b"x"
