"""The projects that an image is shared with, over HTTP."""

from typing import Any
from urllib.parse import quote

from .errors import BadAnswer
from .images import path_of
from .transport import Transport

Member = dict[str, Any]


class Members:
    """The members of the images of one service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add(self, image_id: str, project_id: str) -> Member:
        """Share the image with this project."""
        return self._member(self._transport.request("POST", _path(image_id), document={"member": project_id}))

    def remove(self, image_id: str, project_id: str) -> None:
        self._transport.request("DELETE", _path(image_id, project_id))

    def show(self, image_id: str, project_id: str) -> Member:
        return self._member(self._transport.request("GET", _path(image_id, project_id)))

    def set_status(self, image_id: str, project_id: str, status: str) -> Member:
        """Accept, reject or leave pending what was offered to this project."""
        path = _path(image_id, project_id)
        return self._member(self._transport.request("PUT", path, document={"status": status}))

    def list(self, image_id: str) -> list[Member]:
        answer = self._transport.request("GET", _path(image_id))
        members = answer.get("members") if isinstance(answer, dict) else None
        if not isinstance(members, list):
            raise BadAnswer(f"What answers at {self._transport.endpoint} does not speak the Image API.")
        return members

    def _member(self, answer: Any) -> Member:
        if not isinstance(answer, dict) or "member_id" not in answer:
            raise BadAnswer(f"What answers at {self._transport.endpoint} does not speak the Image API.")
        return answer


def _path(image_id: str, *project_id: str) -> str:
    names = [quote(one, safe="", errors="surrogateescape") for one in project_id]
    return "/".join([f"{path_of(image_id)}/members", *names])
