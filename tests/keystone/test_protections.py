"""Properties that are protected for services: a service token beside the user's, as Nova and Cinder send it."""

from collections.abc import Iterator

import pytest
from harness import make_service, running

from .conftest import Caller, Cast, options

RULES = """
[^x_service_.*]
create = service
read = service
update = service
delete = service
[.*]
create = @
read = @
update = @
delete = @
"""


@pytest.fixture(scope="module")
def caller(cast: Cast, keystone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A member, of a service whose x_service_ properties are for the role `service`."""
    folder = tmp_path_factory.mktemp("protected")
    (folder / "protections.conf").write_text(RULES)
    settings = options(keystone, PROPERTY_PROTECTION_FILE=str(folder / "protections.conf"))
    with running(make_service(folder / "data", "apart", "keystone", **settings)) as service:
        yield Caller(service.url, cast.member.token)


@pytest.fixture
def beside(cast: Cast) -> dict[str, str]:
    """The header that a service adds."""
    return {"X_Service_Token": cast.service.token}


WISH = {"x_service_a": "1", "colour": "red"}


def test_a_service_beside_the_user_creates_and_reads_what_is_the_services(caller, beside):
    made = caller.post("/v2/images", WISH, **beside)

    assert (made.status, made.json["x_service_a"]) == (201, "1"), made.text
    path = f"/v2/images/{made.json['id']}"
    assert caller.get(path, **beside).json["x_service_a"] == "1"
    listed = caller.get("/v2/images?x_service_a=1", **beside).json["images"]
    assert made.json["id"] in [image["id"] for image in listed]


def test_the_user_alone_neither_creates_nor_sees_it(caller, beside):
    assert caller.post("/v2/images", WISH).status == 403
    image = caller.post("/v2/images", WISH, **beside).json

    seen = caller.show(image["id"])
    assert (seen["colour"], "x_service_a" in seen) == ("red", False)
    assert caller.get("/v2/images?x_service_a=1").json["images"] == []


def change(caller: Caller, image_id: str, op: str, **headers: str) -> int:
    step = {"op": op, "path": "/x_service_a"} | ({"value": "2"} if op != "remove" else {})
    sent = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return caller.request("PATCH", f"/v2/images/{image_id}", [step], sent).status


def test_a_service_beside_the_user_changes_and_removes_it_the_user_alone_does_not(caller, beside):
    image = caller.post("/v2/images", WISH, **beside).json["id"]

    assert change(caller, image, "replace") in (403, 409)
    assert change(caller, image, "remove") in (403, 409)
    assert caller.patch(image, [{"op": "add", "path": "/colour", "value": "blue"}]).status == 200
    assert caller.get(f"/v2/images/{image}", **beside).json["x_service_a"] == "1", "lost to who cannot see it"
    assert change(caller, image, "replace", **beside) == 200
    assert caller.get(f"/v2/images/{image}", **beside).json["x_service_a"] == "2"
    assert change(caller, image, "remove", **beside) == 200
    assert "x_service_a" not in caller.get(f"/v2/images/{image}", **beside).json


@pytest.mark.parametrize("whose", ["junk", "reader", "foreign"])
def test_a_token_beside_it_that_is_no_services_gives_nothing(caller, cast, whose):
    token = "junk" if whose == "junk" else getattr(cast, whose).token

    assert caller.post("/v2/images", WISH, X_Service_Token=token).status == 403


def test_roles_that_a_client_claims_for_a_service_give_nothing(caller, cast):
    claim = {"X_Service_Roles": "service", "X_Service_Identity_Status": "Confirmed"}

    assert caller.post("/v2/images", WISH, **claim).status == 403
    assert caller.post("/v2/images", WISH, X_Service_Token=cast.reader.token, **claim).status == 403


def test_a_service_with_its_own_token_alone_has_that_role_but_no_images(caller, cast, beside):
    image = caller.post("/v2/images", WISH | {"visibility": "shared"}, **beside).json["id"]
    alone = Caller(caller.url, cast.service.token)

    assert alone.post("/v2/images", WISH).status == 403
    assert alone.get(f"/v2/images/{image}").status == 404
