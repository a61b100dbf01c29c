"""The API reference, from the operation table."""

from docs.pages.markdown import code, compose
from glancelite.api.operations import OPERATIONS, Operation
from glancelite.domain.versions import MINORS

INTRO = """
Bodies are JSON unless something else is said. Every path answers under each accepted minor as well
(`/v2.9/images` is `/v2/images`). An image that the caller cannot see is 404, a known one that the caller may
not use so is 403 (see [policy](policy.md)); a method that is not listed is 405 with `Allow`. Every answer
carries `x-openstack-request-id`. What errors there are and how they look is in [errors](errors.md), what an
image consists of in [fields](fields.md).

Answered by the pipeline, before the caller is known (see [filters](filters.md)): the version document at `/`
(300) and `/versions` (200), `/healthcheck`, and every `OPTIONS`.
"""

BODIES = {"none": "none", "json": "JSON", "data": "the data, as `application/octet-stream`, with a length or chunked"}


def page() -> str:
    """docs/reference/api.md"""
    minors = ", ".join(code(minor) for minor, need in MINORS if not need)
    versions = f"## Versions\n\nAccepted minors: {minors}. None of them changes behaviour."
    return compose("API", "glancelite/api/operations.py", INTRO, *map(_section, OPERATIONS), versions)


def _rule_of(operation: Operation) -> str:
    return "none" if operation.body == "none" else "decided by what the body names"


def _section(operation: Operation) -> str:
    path = operation.path.replace("<", "{").replace(">", "}")
    facts = [
        f"- operation: {code(operation.name)}",
        f"- rule: {code(operation.rule) or _rule_of(operation)}",
        f"- body: {BODIES[operation.body]}",
        f"- success: {operation.success}",
    ]
    return f"## {operation.method} {path}\n\n{operation.summary}\n\n" + "\n".join(facts)
