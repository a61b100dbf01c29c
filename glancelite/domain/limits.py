"""The resources that limits are set on: what each is called, what of a project's usage it counts, and its unit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Usage:
    """What a project uses: bytes of image data (those that uploads under way have announced included), bytes that wait
    to be imported, images, and images that are receiving data.
    """

    size: int = 0
    staged: int = 0
    images: int = 0
    uploading: int = 0


@dataclass(frozen=True)
class Resource:
    """A resource: `counts` is the part of Usage it limits, `unit` how many of those are one of the limit's."""

    name: str
    counts: str
    unit: int = 1

    def used(self, usage: Usage) -> int:
        """How much of it that is, in whole units."""
        amount: int = getattr(usage, self.counts)
        return amount // self.unit


SIZE = Resource("image_size_total", "size", MIB)
STAGE = Resource("image_stage_total", "staged", MIB)
COUNT = Resource("image_count_total", "images")
UPLOADING = Resource("image_count_uploading", "uploading")

RESOURCES: tuple[Resource, ...] = (SIZE, STAGE, COUNT, UPLOADING)

Bounds = Mapping[str, int]
"""The most that a project may use, by name of the resource, counted as Usage counts: bytes, not MiB."""


@dataclass(frozen=True)
class DomainBounds:
    """The most that the projects of a domain may use together."""

    domain: str
    projects: tuple[str, ...]
    bounds: Bounds


def to_bounds(limits: Mapping[str, int], resources: Iterable[Resource] = RESOURCES) -> Bounds:
    """The bounds on these resources, from limits in their units, of which a negative one is none."""
    known = {resource: limits[resource.name] for resource in resources if resource.name in limits}
    return {resource.name: limit * resource.unit for resource, limit in known.items() if limit >= 0}
