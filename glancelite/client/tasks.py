"""Operations on tasks, over HTTP: the long jobs that a service does by itself, imports above all."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from .errors import BadAnswer
from .pages import Query, read_pages
from .transport import Transport

Task = dict[str, Any]


class Tasks:
    """The tasks of one service; of one image for those who may see it, others for administrators."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, query: Query = (), limit: int | None = None, most: int | None = None) -> Iterator[Task]:
        """Every task that `query` selects, without its input, result and message."""
        return read_pages(self._transport, "/v2/tasks", query, limit, most)

    def show(self, task_id: str) -> Task:
        answer = self._transport.request("GET", f"/v2/tasks/{quote(task_id, safe='', errors='surrogateescape')}")
        if not isinstance(answer, dict) or "status" not in answer:
            raise BadAnswer(f"What answers at {self._transport.endpoint} does not speak the Image API.")
        return answer

    def of_image(self, image_id: str) -> tuple[Task, ...]:
        """The tasks about an image, the oldest first."""
        answer = self._transport.request("GET", f"/v2/images/{quote(image_id, safe='')}/tasks")
        found = answer.get("tasks") if isinstance(answer, dict) else None
        if not isinstance(found, Sequence):
            raise BadAnswer(f"What answers at {self._transport.endpoint} does not speak the Image API.")
        return tuple(sorted(found, key=lambda task: str(task.get("created_at"))))
