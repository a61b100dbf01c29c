"""What `image set` does beside changing fields: (de)activates an image, and says what a member thinks of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from glancelite.client.errors import ClientError

from .fields import exclusive, flag
from .project import find_own_project, find_project
from .service import note, open_members

if TYPE_CHECKING:
    from glancelite.client.images import Images

Command = TypeVar("Command", bound=Callable[..., Any])
_MEMBERSHIPS = {"accept": "accepted", "reject": "rejected", "pending": "pending"}
_FLAGS = (
    flag("deactivate", "Nobody but administrators gets its data."),
    flag("activate", "Everybody who sees it gets its data again."),
    flag("accept", "Accept that it is shared with this project, or --project: it is in lists then."),
    flag("reject", "Reject that it is shared with this project, or --project."),
    flag("pending", "Neither of these, yet."),
)


@dataclass(frozen=True)
class Status:
    """What was asked for; None: leave it as it is. `project` is empty for the login's own."""

    is_active: bool | None
    membership: str | None
    project: str


def status_options(command: Command) -> Command:
    """Decorator: --deactivate, --activate, --accept, --reject, --pending."""
    for decorate in reversed(_FLAGS):
        command = decorate(command)
    return command


def plan_status(values: dict[str, Any]) -> Status:
    """Take from the options what is about status; with a membership --project says whose, not who owns the image."""
    membership = exclusive(values, _MEMBERSHIPS)
    is_active = exclusive(values, {"deactivate": False, "activate": True})
    project = ""
    if membership is not None and values["owner"] is not None:
        project = find_project(values["owner"], values["project_domain"])
        values["owner"] = None
    return Status(is_active, membership, project)


def change_status(images: "Images", image_id: str, status: Status) -> None:
    """Do what was asked for."""
    if status.is_active is not None:
        images.reactivate(image_id) if status.is_active else images.deactivate(image_id)
    if status.membership is not None:
        members = open_members(image_id)
        members.set_status(status.project or find_own_project(members), status.membership)


@contextmanager
def telling(status: Status) -> Iterator[None]:
    """Where the rest of a change fails, say what of it was done before."""
    try:
        yield
    except ClientError:
        if status.is_active is not None:
            note(f"The image was {'activated' if status.is_active else 'deactivated'}.")
        if status.membership is not None:
            note(f"The membership was set to {status.membership}.")
        raise
