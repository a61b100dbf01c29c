"""Where an operation meets its rule: row -> body -> target (404) -> permission (403) -> view -> response."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import flask
from flask import Request, Response

from ..domain.context import ENVIRON_KEY, Context
from ..domain.image import Image
from ..errors import BadRequest, Forbidden, ImageNotFound, Unauthorized
from ..usecases.images import require
from ..usecases.services import Services
from .http import refuse_body

if TYPE_CHECKING:
    from .operations import Operation


@dataclass
class Call:
    """One request on its way to a view: who asks, what the path names, what `parse` made of it, the loaded target."""

    services: Services
    context: Context
    request: Request
    path: Mapping[str, str]
    payload: Any = None
    target: Image | None = None

    @property
    def image(self) -> Image:
        """The loaded image; only for operations whose target is one."""
        if self.target is None:
            raise LookupError("this operation has no image as its target")
        return self.target


def admit(services: Services, operation: "Operation") -> Callable[..., Response]:
    """The Flask view of an operation."""

    def view(**path: str) -> Response:
        request: Request = flask.request._get_current_object()  # type: ignore[attr-defined] # each use asks again
        _check_path(request)
        context = _context(request)
        if context.is_system_scoped and services.config["oslo_policy.enforce_scope"] and _is_limited(operation):
            raise Forbidden(reason="A token scoped to the system or a domain has no images; use a project's.")
        is_admin = services.policy.allows(context, "context_is_admin", {})
        call = Call(services, context.judged(is_admin), request, path)
        if operation.body == "none":
            refuse_body(request)
        if operation.parse:
            call.payload = operation.parse(call)
        if operation.target == "image":
            call.target = _load_image(call, path["image_id"])
            if operation.rule:
                require(services, call.context, operation.rule, call.target)
        elif operation.rule:
            _require(call, operation.rule)
        return operation.view(call)

    return view


def _is_limited(operation: "Operation") -> bool:
    """Is it for projects only, other than what describes the service?"""
    return bool(operation.rule or operation.target or operation.body != "none")


def _check_path(request: Request) -> None:
    """The router replaces bytes that are not UTF-8; here they are refused before they name something else."""
    path = request.environ.get("PATH_INFO", "")
    try:
        if not path.isascii():
            path.encode("latin-1").decode()
    except UnicodeError as error:
        raise BadRequest(reason="The path is not UTF-8.") from error


def _context(request: Request) -> Context:
    context = request.environ.get(ENVIRON_KEY)
    if not isinstance(context, Context):
        raise Unauthorized(reason="The pipeline in front of this service does not say who asks.")
    return context


def _load_image(call: Call, image_id: str) -> Image:
    """The image, if the caller can see it and may show it: hidden and absent are one answer."""
    image = call.services.registry.show_image(call.context, image_id)
    try:
        require(call.services, call.context, "get_image", image)
    except Forbidden as error:
        raise ImageNotFound(image_id=image_id) from error
    return image


def _require(call: Call, rule: str) -> None:
    target = {"project_id": call.context.project_id, "owner": call.context.project_id}
    call.services.policy.require(call.context, rule, target)
