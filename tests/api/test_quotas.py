"""Limits that are switched off, and images from a time when more was allowed."""

from collections.abc import Callable
from pathlib import Path

from harness import Api, Service, make_service, running

OFF = {f"IMAGE_{what}_QUOTA": "-1" for what in ("TAG", "PROPERTY", "MEMBER")}
LOW = {"IMAGE_TAG_QUOTA": "2", "IMAGE_PROPERTY_QUOTA": "2", "IMAGE_MEMBER_QUOTA": "1"}
MANY = 200


def test_a_negative_quota_is_none(start_service: Callable[..., Service]) -> None:
    api = Api(start_service(**OFF).url)
    tags = [f"t{number}" for number in range(MANY)]
    properties = {f"p{number}": "v" for number in range(MANY)}
    image_id = api.create(tags=tags, **properties)["id"]
    assert api.put(f"/v2/images/{image_id}/tags/more", None).status == 204
    assert api.patch(image_id, [{"op": "add", "path": "/more", "value": "v"}]).status == 200
    for number in range(130):
        assert api.post(f"/v2/images/{image_id}/members", {"member": f"m{number}"}).status == 200
    image = api.show(image_id)
    assert (len(image["tags"]), image["more"]) == (MANY + 1, "v")


def test_an_image_above_a_quota_may_change_but_not_grow(tmp_path: Path) -> None:
    with running(make_service(tmp_path / "data", **OFF)) as service:
        api = Api(service.url)
        image_id = api.create(tags=["a", "b", "c"], p1="1", p2="2", p3="3")["id"]
    with running(make_service(tmp_path / "data", **LOW)) as service:
        later = Api(service.url, api.project)

        def change(*operations: dict[str, object]) -> int:
            return later.patch(image_id, list(operations)).status

        assert change({"op": "replace", "path": "/name", "value": "n"}) == 200
        assert change({"op": "replace", "path": "/p1", "value": "new"}) == 200
        assert change({"op": "replace", "path": "/tags", "value": ["x", "y", "z"]}) == 200
        assert change({"op": "remove", "path": "/p1"}, {"op": "add", "path": "/p4", "value": "4"}) == 200
        assert change({"op": "add", "path": "/p5", "value": "5"}) == 413
        assert change({"op": "replace", "path": "/tags", "value": ["w", "x", "y", "z"]}) == 413
        assert later.put(f"/v2/images/{image_id}/tags/w", None).status == 413
        assert later.put(f"/v2/images/{image_id}/tags/x", None).status == 204
        assert change({"op": "replace", "path": "/tags", "value": ["x"]}) == 200
        image = later.show(image_id)
        assert [image.get(f"p{number}") for number in range(1, 6)] == [None, "2", "3", "4", None]
