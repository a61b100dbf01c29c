"""Which project is meant: by name or ID, looked up in Keystone where the login came from there."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from glancelite.client.errors import ProjectUnknown

from .service import doing, open_transport, settings

if TYPE_CHECKING:
    from glancelite.client.members import Members

Command = TypeVar("Command", bound=Callable[..., Any])


def domain_option(command: Command) -> Command:
    """Decorator: --project-domain, as `project_domain`."""
    return click.option("--project-domain", metavar="DOMAIN", help="Domain that the project's name is in.")(command)


def find_project(reference: str, domain: str | None) -> str:
    """The ID of a project; what is given is one where there is no Keystone to ask."""
    with doing(f"find project '{reference}'"):
        identity = open_transport().identity
        return reference if identity is None else identity.find_project(reference, domain)


def find_own_project(members: "Members") -> str:
    """The project that the login acts in. Where the login does not tell, it is the only member that it is shown."""
    identity = open_transport().identity
    own = settings().get("project_id") if identity is None else identity.own_project()
    if own:
        return str(own)
    shown = members.list()
    if len(shown) != 1:
        raise ProjectUnknown(f"Of the image's {len(shown)} members, say with --project which one is meant.")
    return str(shown[0]["member_id"])
