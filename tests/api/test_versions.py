"""The version document, and how a request names its version."""

from collections.abc import Callable

import pytest
from harness import Api, Service

VENDOR = "application/vnd.openstack.images-"
OFFERED = ["v2.17", "v2.15", "v2.9", "v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0"]
NOT_OFFERED = ["v2.18", "v2.16", "v2.14", "v2.13", "v2.12", "v2.11", "v2.10", "v2.8"]


def document(endpoint: str) -> dict[str, list[dict[str, object]]]:
    links = [{"rel": "self", "href": f"{endpoint}/v2/"}]
    return {
        "versions": [
            {"id": version, "status": "CURRENT" if version == "v2.17" else "SUPPORTED", "links": links}
            for version in OFFERED
        ]
    }


@pytest.mark.parametrize("path", ["/versions", "/versions/", "/versions/anything", "/versions/v2/images"])
def test_versions_are_listed_to_everybody(api: Api, path: str) -> None:
    for caller, method in ((api, "GET"), (api.as_nobody(), "DELETE")):
        reply = caller.request(method, path)
        assert (reply.status, reply.json) == (200, document(api.url))
        assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["/", "", "/foo", "/v1/images", "/v3", "/v2.19/images", "/V2/images", "/v2.", "//v2",
                                  *(f"/{version}/images" for version in NOT_OFFERED)])  # fmt: skip
def test_an_unknown_version_is_answered_with_the_choices(api: Api, path: str) -> None:
    reply = api.as_nobody().request("PUT", path)
    assert (reply.status, reply.json) == (300, document(api.url))


def test_head_has_the_status_alone(api: Api) -> None:
    assert [api.request("HEAD", path).status for path in ("/", "/versions", "/v3")] == [300, 200, 300]


@pytest.mark.parametrize("version", ["v2", *OFFERED])
def test_every_accepted_version_is_the_same_api(api: Api, version: str) -> None:
    image = api.create()
    assert api.get(f"/{version}/images/{image['id']}").json == image
    assert api.get(f"/images/{image['id']}", Accept=VENDOR + version).json == image
    assert api.get(f"/{version}/images?visibility=shared").json["first"] == "/v2/images?visibility=shared"
    assert api.post(f"/{version}/images", {}).headers["Location"].startswith(f"{api.url}/v2/images/")


def test_the_version_in_accept_is_taken_literally_and_once(api: Api) -> None:
    assert api.get("/v2/images", Accept=VENDOR + "v2").status == 404
    for wrong in ("v2;q=1", "v2, */*", "v3", "", *NOT_OFFERED):
        assert api.get("/images", Accept=VENDOR + wrong).status == 300
    assert api.get("/v2/images", Accept=f"*/*, {VENDOR}v2").status == 200


def test_v2_itself_leads_on_to_its_slash(api: Api) -> None:
    reply = api.get("/v2")
    assert (reply.status, reply.headers["Location"]) == (302, f"{api.url}/v2/")
    assert api.get("/v2/").status == 404


def test_links_are_those_of_the_public_endpoint(start_service: Callable[..., Service]) -> None:
    api = Api(start_service(PUBLIC_ENDPOINT="https://images.example.org/here/").url)
    assert api.get("/versions").json == document("https://images.example.org/here")


def test_links_name_the_host_that_the_client_used(api: Api) -> None:
    assert api.get("/versions", host="images.example.org").json == document("http://images.example.org")
    location = api.request("POST", "/v2/images", {}, {"Host": "images.example.org"}).headers["Location"]
    assert location.startswith("http://images.example.org/v2/images/")
