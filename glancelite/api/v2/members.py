"""Views of image members."""

from typing import Any

from flask import Response

from ...domain.image import Member, format_time
from ...usecases import members
from ..answers import json_response, no_data_response
from ..gate import Call
from ..http import read_json


def parse_create(call: Call) -> str:
    return members.check_member(read_json(call.request))


def create(call: Call) -> Response:
    # Glance quirk: creating a member answers 200, not 201; clients count on it.
    return json_response(_document(members.add_member(call.services, call.context, call.image, call.payload)))


def list_all(call: Call) -> Response:
    found = members.list_members(call.services, call.context, call.image)
    return json_response({"members": [_document(member) for member in found], "schema": "/v2/schemas/members"})


def show(call: Call) -> Response:
    return json_response(
        _document(members.show_member(call.services, call.context, call.image, call.path["member_id"]))
    )


def parse_update(call: Call) -> str:
    return members.check_status(read_json(call.request))


def update(call: Call) -> Response:
    member_id = call.path["member_id"]
    return json_response(
        _document(members.update_member(call.services, call.context, call.image, member_id, call.payload))
    )


def delete(call: Call) -> Response:
    members.remove_member(call.services, call.context, call.image, call.path["member_id"])
    return no_data_response()


def _document(member: Member) -> dict[str, Any]:
    return {
        "member_id": member.member_id,
        "image_id": member.image_id,
        "status": member.status,
        "created_at": format_time(member.created_at),
        "updated_at": format_time(member.updated_at),
        "schema": "/v2/schemas/member",
    }
