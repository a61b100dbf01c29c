"""Operations on the members of an image, over HTTP: the projects that it is shared with."""

from typing import Any
from urllib.parse import quote

from .errors import BadAnswer
from .transport import Transport

Member = dict[str, Any]


class Members:
    """The members of one image."""

    def __init__(self, transport: Transport, image_id: str) -> None:
        self._transport, self._path = transport, f"/v2/images/{quote(image_id, safe='')}/members"

    def add(self, project: str) -> Member:
        return self._member(self._transport.request("POST", self._path, document={"member": project}))

    def list(self) -> list[Member]:
        """Those that the caller may see: all of them its owner, itself a member."""
        answer = self._transport.request("GET", self._path)
        found = answer.get("members") if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise self._bad_answer()
        return found

    def show(self, project: str) -> Member:
        return self._member(self._transport.request("GET", self._of(project)))

    def set_status(self, project: str, status: str) -> Member:
        return self._member(self._transport.request("PUT", self._of(project), document={"status": status}))

    def remove(self, project: str) -> None:
        self._transport.request("DELETE", self._of(project))

    def _of(self, project: str) -> str:
        return f"{self._path}/{quote(project, safe='', errors='surrogateescape')}"

    def _member(self, answer: Any) -> Member:
        if not isinstance(answer, dict) or "member_id" not in answer:
            raise self._bad_answer()
        return answer

    def _bad_answer(self) -> BadAnswer:
        return BadAnswer(f"What answers at {self._transport.endpoint} does not speak the Image API.")
