"""Images whose data is kept elsewhere: locations entered, changed and removed by PATCH, and read from there."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from harness import Api, make_service, running

SIZES = {"/six": 6, "/other": 6, "/eight": 8, "/big": 3000}


class Web(BaseHTTPRequestHandler):
    """Somewhere on the web: bytes of known sizes, ranges included."""

    def do_GET(self) -> None:
        size = SIZES.get(self.path.partition("?")[0])
        if size is None:
            self.send_error(404)
            return
        data = (b"0123456789" * 300)[:size]
        asked = self.headers.get("Range")
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            part = data[int(first) : int(last or size) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{size}")
        else:
            part = data
            self.send_response(200)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(part)

    do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module", params=["together", "apart"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, web: str) -> Iterator[str]:
    options = {
        "SHOW_MULTIPLE_LOCATIONS": "true",
        "IMPORT_FILTERING_OPTS_ALLOWED_NETWORKS": "127.0.0.1",
        "IMPORT_FILTERING_OPTS_ALLOWED_PORTS": web.rpartition(":")[2],
        "IMAGE_LOCATION_QUOTA": "3",
        "USER_STORAGE_QUOTA": "2500",
    }
    with running(make_service(tmp_path_factory.mktemp("web") / "data", request.param, **options)) as service:
        yield service.url


@pytest.fixture
def owner(url: str) -> Api:
    return Api(url)


def add(place: str, where: str = "-", **metadata: Any) -> dict[str, Any]:
    return {"op": "add", "path": f"/locations/{where}", "value": {"url": place, "metadata": metadata}}


def replace(*places: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    value = [{"url": place, "metadata": metadata} for place, metadata in places]
    return {"op": "replace", "path": "/locations", "value": value}


def remove(index: int) -> dict[str, Any]:
    return {"op": "remove", "path": f"/locations/{index}"}


def test_the_first_location_makes_a_queued_image_active_and_its_data_is_read_there(owner: Api, web: str) -> None:
    image = owner.create()
    assert image["locations"] == []
    reply = owner.patch(image["id"], [add(f"{web}/six", note="here")])
    assert (reply.status, reply.json["status"], reply.json["size"]) == (200, "active", 6)
    assert reply.json["locations"] == [{"url": f"{web}/six", "metadata": {"note": "here"}}]
    assert owner.get(image["file"]).body == b"012345"
    part = owner.get(image["file"], Range="bytes=2-3")
    assert (part.status, part.body) == (206, b"23")


@pytest.mark.parametrize(
    "place",
    [
        "file:///etc/passwd",
        "filesystem:///etc/passwd",
        "swift+config://a/b/c",
        "gopher://x",
        "WEB/none",
        "http://10.0.0.1/x",
    ],
)
def test_a_place_no_image_can_be_read_from_is_refused_and_nothing_changes(owner: Api, web: str, place: str) -> None:
    image = owner.create()
    reply = owner.patch(image["id"], [add(place.replace("WEB", web))])
    assert reply.status == 400
    assert "Invalid location" in reply.json["message"]
    assert owner.show(image["id"]) == image


def test_an_image_without_formats_takes_no_location(owner: Api, web: str) -> None:
    image = owner.post("/v2/images", {}).json
    assert owner.patch(image["id"], [add(f"{web}/six")]).status == 400
    assert owner.show(image["id"])["status"] == "queued"


def test_places_are_added_where_the_path_says_and_no_place_twice(owner: Api, web: str) -> None:
    image = owner.create()
    operations = [add(f"{web}/six"), add(f"{web}/other", "0"), add(f"{web}/six", "99", n="1")]
    reply = owner.patch(image["id"], operations)
    assert [place["url"].rpartition("/")[2] for place in reply.json["locations"]] == ["other", "six", "six"]
    assert owner.patch(image["id"], [add(f"{web}/six", n="1")]).status == 400
    assert owner.patch(image["id"], [add(f"{web}/six", "x")]).status == 400
    assert owner.patch(image["id"], [add(f"{web}/six", n="2")]).status == 413


def test_only_an_administrator_removes_a_place_and_never_the_last(owner: Api, web: str) -> None:
    image = owner.create()
    owner.patch(image["id"], [add(f"{web}/six"), add(f"{web}/other")])
    assert owner.patch(image["id"], [remove(0)]).status == 403
    admin = owner.as_admin()
    assert admin.patch(image["id"], [remove(2)]).status == 400
    assert admin.patch(image["id"], [remove(0)]).status == 200
    assert admin.patch(image["id"], [remove(0)]).status == 403
    assert [place["url"] for place in owner.show(image["id"])["locations"]] == [f"{web}/other"]


def test_replacing_changes_metadata_and_neither_moves_nor_drops_a_place(owner: Api, web: str) -> None:
    image, six = owner.create(), f"{web}/six"
    assert owner.patch(image["id"], [replace((six, {}))]).json["status"] == "active"
    owner.patch(image["id"], [add(six, k="2")])
    assert owner.patch(image["id"], [replace((six, {"k": "2"}))]).status == 400
    assert owner.patch(image["id"], [replace((f"{web}/other", {}), (six, {}))]).status == 400
    assert owner.patch(image["id"], [replace()]).status == 403
    reply = owner.patch(image["id"], [replace((six, {"k": "3"}), (six, {"k": "4"}))])
    assert [place["metadata"] for place in reply.json["locations"]] == [{"k": "3"}, {"k": "4"}]


def test_an_active_image_takes_no_place_that_holds_something_else(owner: Api, web: str) -> None:
    image = owner.create_with(b"01234567")
    reply = owner.patch(image["id"], [add(f"{web}/six")])
    assert reply.status == 400
    assert "there are 6 bytes, but the image has 8" in reply.json["message"]
    assert owner.patch(image["id"], [add(f"{web}/eight")]).status == 200
    assert owner.as_admin().patch(image["id"], [remove(0)]).status == 200
    assert owner.get(image["file"]).body == b"01234567"


def test_what_lies_elsewhere_counts_against_the_quota(owner: Api, web: str) -> None:
    image = owner.create()
    assert owner.patch(image["id"], [add(f"{web}/big")]).status == 413
    assert owner.show(image["id"]) == image


@pytest.mark.parametrize(
    "given",
    [
        {"os_hash_algo": "md5", "os_hash_value": "0" * 32},
        {"os_hash_algo": "sha512", "os_hash_value": "0" * 127},
        {"os_hash_algo": "sha512", "os_hash_value": "x" * 128},
    ],
)
def test_hashes_of_another_kind_are_refused(owner: Api, web: str, given: dict[str, str]) -> None:
    image, operation = owner.create(), add(f"{web}/six")
    operation["value"]["validation_data"] = given
    assert owner.patch(image["id"], [operation]).status == 409


def test_hashes_the_owner_vouches_for_are_kept_and_must_be_those_of_an_active_image(owner: Api, web: str) -> None:
    image, first, second = owner.create(), add(f"{web}/six"), add(f"{web}/other")
    first["value"]["validation_data"] = {"os_hash_algo": "sha512", "os_hash_value": "a" * 128, "checksum": "b" * 32}
    reply = owner.patch(image["id"], [first])
    assert (reply.json["os_hash_value"], reply.json["checksum"]) == ("a" * 128, "b" * 32)
    second["value"]["validation_data"] = {"os_hash_algo": "sha512", "os_hash_value": "c" * 128}
    assert owner.patch(image["id"], [second]).status == 409


UNREADABLE = (
    "[" * 600 + "]" * 600, '{"a":' * 40 + "1" + "}" * 40, "1e999", "-1e999", str(1 << 63), str(-(1 << 63) - 1),
    "1" * 5000, r'"\ud800"', r'{"\ud800": 1}',
)  # fmt: skip


@pytest.mark.parametrize("text", UNREADABLE)
def test_metadata_that_nobody_could_read_back_is_refused(owner: Api, web: str, text: str) -> None:
    image = owner.create()
    body = f'[{{"op": "add", "path": "/locations/-", "value": {{"url": "{web}/six", "metadata": {{"d": {text}}}}}}}]'
    assert owner.patch(image["id"], body.encode()).status == 400
    assert owner.show(image["id"]) == image


def test_places_are_not_shown_to_strangers_and_a_service_that_hides_them_lets_nobody_change_them(
    owner: Api, api: Api, web: str
) -> None:
    image = owner.create()
    owner.patch(image["id"], [add(f"{web}/six")])
    assert (
        owner.as_admin().patch(image["id"], [{"op": "replace", "path": "/visibility", "value": "public"}]).status == 200
    )
    assert "locations" not in owner.as_stranger().show(image["id"])
    hidden = api.create()
    assert api.patch(hidden["id"], [add(f"{web}/six")]).status == 403
    assert "locations" not in api.show(hidden["id"])
