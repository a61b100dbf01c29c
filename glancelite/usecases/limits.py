"""The limits that Keystone keeps for projects: what bounds a project, and what it has used of them."""

from typing import Any

from ..domain.context import Context
from ..domain.limits import RESOURCES, Bounds, DomainBounds, Resource, to_bounds
from ..errors import LimitMissing
from .services import Services


def find_bounds(services: Services, project: str | None, *resources: Resource) -> Bounds:
    """What bounds the project's use of these resources; nothing where limits are off or the project is nobody's.

    Raises LimitMissing when no limit on one is registered, LimitsUnavailable when Keystone cannot be asked.
    """
    if services.limits is None or project is None:
        return {}
    found = services.limits.find(project)
    for resource in resources:
        if resource.name not in found:
            raise LimitMissing(resource=resource.name)
    return to_bounds(found, resources)


def find_domain_bounds(services: Services, project: str | None) -> DomainBounds | None:
    """What the projects of this one's domain may use together, where that is limited."""
    return None if services.limits is None or project is None else services.limits.find_domain(project)


def show_usage(services: Services, context: Context) -> dict[str, Any]:
    """Usage and limit of each resource for the caller's own project; nothing where limits are off."""
    project = context.project_id
    if services.limits is None or project is None:
        return {}
    limits = services.limits.find(project)
    usage = services.registry.show_usage(context, project)
    return {
        resource.name: {"usage": resource.used(usage), "limit": limits.get(resource.name, 0)} for resource in RESOURCES
    }
