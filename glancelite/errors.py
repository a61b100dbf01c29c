"""Every error glancelite can say, and how an error looks on the wire.

A class per error: `code` names it for programs (and on the registry's wire), `status` is its HTTP status, `message`
is a template over its named details. Nothing here knows Flask or WebOb; `api/errors.py` and `middleware/base.py` put
the rendered text into their own kind of response.
"""

from typing import Any, ClassVar


class GlanceliteError(Exception):
    """Base of all errors. `details` fill the message's named places and travel with it; texts say what was wrong."""

    code: ClassVar[str] = "internal-error"
    status: ClassVar[int] = 500
    message: ClassVar[str] = "The service has erred and could not carry out the request."

    def __init__(self, **details: Any) -> None:
        self.details = details
        super().__init__(self.message.format(**details))

    @property
    def headers(self) -> dict[str, str]:
        """Response headers that belong to this error."""
        return {}


# 400 ------------------------------------------------------------------------------------------------------------------


class BadRequest(GlanceliteError):
    code, status, message = "bad-request", 400, "{reason}"


class BodyExpected(BadRequest):
    code, message = "body-expected", "Body expected in request."


class BodyNotExpected(BadRequest):
    code, message = "body-not-expected", "A body is not expected with this request."


class MalformedJson(BadRequest):
    code, message = "malformed-json", "Malformed JSON in request body: {reason}."


class SchemaViolation(BadRequest):
    code, message = "schema-violation", "Provided object does not match schema '{schema}': {reason}"


class InvalidParameter(BadRequest):
    code, message = "invalid-parameter", "Invalid value for query parameter '{name}': {reason}"


class InvalidMarker(BadRequest):
    code, message = "invalid-marker", "Marker '{marker}' names no image that you can list."


class InvalidTaskMarker(BadRequest):
    code, message = "invalid-task-marker", "Marker '{marker}' names no task that you can list."


class InvalidHeader(BadRequest):
    code, message = "invalid-header", "Invalid value for header '{name}': {reason}"


class FormatsNotSet(BadRequest):
    code = "formats-not-set"
    message = "Properties {missing} of image {image_id} must be set prior to saving data."


class UnknownStore(BadRequest):
    code, message = "unknown-store", "There is no store '{store}' that takes images."


class SizeMismatch(BadRequest):
    code = "size-mismatch"
    message = "The data of image {image_id} is {received} bytes long, but {declared} bytes were declared."


class UploadInterrupted(BadRequest):
    code = "upload-interrupted"
    message = "The upload of image {image_id} ended before all of its data had arrived ({received} bytes received)."


class DigestMismatch(BadRequest):
    code = "digest-mismatch"
    message = "The data of image {image_id} has the {algorithm} digest {found}, not the expected {expected}."


class SignatureRefused(BadRequest):
    code, message = "signature-refused", "The image's signature cannot be checked: {reason}"


class SignatureMismatch(BadRequest):
    code = "signature-mismatch"
    message = "Signature verification failed for image {image_id}: the data is not what was signed."


class MultipleRanges(BadRequest):
    code, message = "multiple-ranges", "Requests with multiple ranges are not supported."


class UriRefused(BadRequest):
    code, message = "uri-refused", "URI for web-download does not pass filtering: {uri} ({reason})."


class InvalidLocation(BadRequest):
    code, message = "invalid-location", "Invalid location: {reason}"


class RemoteRefused(BadRequest):
    """A place that a user named answers, but with nothing that can be used."""

    code, message = "remote-refused", "{uri} cannot be fetched: {reason}."


class RangeNotServed(BadRequest):
    code, message = "range-not-served", "{uri} serves no ranges; ask for all of it."


class ConversionFailed(BadRequest):
    code, message = "conversion-failed", "The data of image {image_id} cannot be converted: {reason}."


class DecompressionFailed(BadRequest):
    code, message = "decompression-failed", "The data of image {image_id} cannot be decompressed: {reason}."


class PackageRefused(BadRequest):
    code, message = "package-refused", "The OVA of image {image_id} cannot be processed: {reason}."


# 401, 403 -------------------------------------------------------------------------------------------------------------


class Unauthorized(GlanceliteError):
    code, status, message = "unauthorized", 401, "{reason}"


class Forbidden(GlanceliteError):
    code, status, message = "forbidden", 403, "{reason}"


class ActionForbidden(Forbidden):
    code, message = "action-forbidden", "You are not authorized to complete {rule} action."


class ReadOnlyAttribute(Forbidden):
    code, message = "read-only-attribute", "Attribute '{name}' is read-only."


class ReservedAttribute(Forbidden):
    code, message = "reserved-attribute", "Attribute '{name}' is reserved."


class AttributeNotRemovable(Forbidden):
    code, message = "attribute-not-removable", "Property '{name}' may not be removed."


class FormatFrozen(Forbidden):
    code = "format-frozen"
    message = "Attribute '{name}' can be replaced only for a queued image; image {image_id} is {status}."


class ForeignOwner(Forbidden):
    code = "foreign-owner"
    message = "You are not permitted to give an image to owner '{owner}'; only an administrator is."


class NotShared(Forbidden):
    code, message = "not-shared", "Image {image_id} is {visibility}; only shared images have members."


class WrongStatus(Forbidden):
    """Glance quirk: an action in a status that does not allow it is 403, not 409."""

    code, message = "wrong-status", "Not allowed to {action} image {image_id} in status '{status}'."


class LastLocation(Forbidden):
    code, message = "last-location", "The last location of image {image_id} cannot be removed."


class ImageProtected(Forbidden):
    code, message = "image-protected", "Image {image_id} is protected and cannot be deleted."


class ImageDeactivated(Forbidden):
    code = "image-deactivated"
    message = "The requested image {image_id} has been deactivated. Image data download is forbidden."


# 404, 405 -------------------------------------------------------------------------------------------------------------


class NotFound(GlanceliteError):
    code, status, message = "not-found", 404, "The resource could not be found."


class ImageNotFound(NotFound):
    code, message = "image-not-found", "No image found with ID {image_id}"


class MemberNotFound(NotFound):
    code, message = "member-not-found", "{member_id} is not a member of image {image_id}."


class TaskNotFound(NotFound):
    code, message = "task-not-found", "No task found with ID {task_id}"


class TagNotFound(NotFound):
    code, message = "tag-not-found", "Image {image_id} has no tag '{tag}'."


class NotInStore(NotFound):
    code, message = "not-in-store", "Image {image_id} has no copy in store '{store}'."


class NotMultiStore(NotFound):
    code, message = "not-multi-store", "This service does not have several stores."


class DataNotFound(NotFound):
    code, message = "data-not-found", "The data of image {image_id} is not to be found in any of its stores."


class UserNotFound(NotFound):
    code, message = "user-not-found", "There is no user '{name}'."


class TokenNotFound(NotFound):
    code, message = "token-not-found", "There is no such token; perhaps it was revoked or has run out."


class RemoteNotFound(NotFound):
    code, message = "remote-not-found", "There is nothing to fetch at {uri}."


class MethodNotAllowed(GlanceliteError):
    code, status, message = "method-not-allowed", 405, "The method {method} is not allowed for this resource."

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.details["allow"])}


# 409, 410, 411 --------------------------------------------------------------------------------------------------------


class Conflict(GlanceliteError):
    code, status, message = "conflict", 409, "{reason}"


class ImageExists(Conflict):
    code, message = "image-exists", "Image ID {image_id} already exists!"


class MemberExists(Conflict):
    code, message = "member-exists", "{member_id} already is a member of image {image_id}."


class NoSuchStore(Conflict):
    """Glance quirk: a path that names an unknown store is 409."""

    code, message = "no-such-store", "There is no store '{store}'."


class StatusConflict(Conflict):
    code, message = "status-conflict", "Image {image_id}: status transition from {status} to {wanted} is not allowed."


class TaskLost(Conflict):
    """Who works on a task finds that it is somebody else's, or has been ended."""

    code, message = "task-lost", "Task {task_id} is no longer this process's to work on."


class TaskGivenUp(Conflict):
    code = "task-given-up"
    message = "The service ended {times} times while it worked on this; it was given up."


class CopyDiffers(Conflict):
    code, message = "copy-differs", "What was read of image {image_id} does not have the image's hash."


class ImportInProgress(Conflict):
    code, message = "import-in-progress", "Image {image_id} has active task {task_id}."


class PropertyMissing(Conflict):
    code, message = "property-missing", "Property '{name}' does not exist."


class PropertyExists(Conflict):
    code, message = "property-exists", "Property '{name}' already present."


class ChangedMeanwhile(Conflict):
    code, message = "changed-meanwhile", "Image {image_id} was changed by another request meanwhile; try again."


class UploadGivenUp(Conflict):
    code = "upload-given-up"
    message = "The upload of image {image_id} was given up: this server was away for longer than its lease. Try again."


class Gone(GlanceliteError):
    code, status = "image-gone", 410
    message = "Image {image_id} was deleted before its data was complete."


class StoreReadOnly(GlanceliteError):
    code, status, message = "store-read-only", 410, "The image store '{store}' takes no images; it only reads them."


class LengthRequired(GlanceliteError):
    code, status = "length-required", 411
    message = "The length of the body must be told: send a Content-Length (0 for none)."


# 413, 415, 416 --------------------------------------------------------------------------------------------------------


class TooLarge(GlanceliteError):
    code, status, message = "too-large", 413, "{reason}"


class BodyTooLarge(TooLarge):
    code, message = "body-too-large", "The request body is larger than the {limit} bytes allowed for it."


class ImageTooLarge(TooLarge):
    code, message = "image-too-large", "The data of image {image_id} exceeds the limit of {limit} bytes for an image."


class QuotaExceeded(TooLarge):
    code = "quota-exceeded"
    message = "The limit on {what} has been exceeded. Attempted: {attempted}, maximum: {maximum}."


class LimitExceeded(QuotaExceeded):
    code = "limit-exceeded"
    message = (
        "The limit on {resource} of project {project} has been exceeded. "
        "Used: {usage}, asked for: {asked}, limit: {limit}."
    )


class DomainLimitExceeded(LimitExceeded):
    code = "domain-limit-exceeded"
    message = (
        "The limit on {resource} of domain {domain}, which its projects share, has been exceeded. "
        "Used: {usage}, asked for: {asked}, limit: {limit}."
    )


class LimitMissing(QuotaExceeded):
    code, message = "limit-missing", "Keystone has no limit on {resource} registered; without one nothing is allowed."


class StoreFull(TooLarge):
    code, message = "store-full", "There is not enough disk space on the image store '{store}'."


class RemoteTooLarge(TooLarge):
    code, message = "remote-too-large", "{uri} has more than the {limit} bytes that may be fetched."


class UnsupportedMediaType(GlanceliteError):
    code, status, message = "unsupported-media-type", 415, "{reason}"

    @property
    def headers(self) -> dict[str, str]:
        accept_patch = self.details.get("accept_patch")
        return {"Accept-Patch": accept_patch} if accept_patch else {}


class UnsafeContent(UnsupportedMediaType):
    code, message = "unsafe-content", "Image {image_id} failed safety checks: {reason}"


class FormatMismatch(UnsupportedMediaType):
    code = "format-mismatch"
    message = "Image {image_id} is declared as {declared}, but its content looks like {detected}."


class PreconditionFailed(GlanceliteError):
    code, status, message = "precondition-failed", 412, "The data of image {image_id} is not what If-Match names."


class RangeNotSatisfiable(GlanceliteError):
    code, status, message = "range-not-satisfiable", 416, "{reason}"

    @property
    def headers(self) -> dict[str, str]:
        size = self.details.get("size")
        return {} if size is None else {"Content-Range": f"bytes */{size}"}


class RequestIdTooLong(GlanceliteError):
    code, status = "request-id-too-long", 431
    message = "The header X-Openstack-Request-Id is longer than {limit} characters."


# 503 ------------------------------------------------------------------------------------------------------------------


class Unavailable(GlanceliteError):
    code, status, message = "unavailable", 503, "{reason}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "2"}


class RegistryUnavailable(Unavailable):
    """The registry could not be asked, or its answer was lost: whether a change took place is not known."""

    code, message = "registry-unavailable", "The registry cannot be reached at the moment ({reason})."


class RegistryFull(Unavailable):
    """The registry's disk is full; nothing was changed."""

    code, message = "registry-full", "The registry has no space left to record the change; nothing was changed."


class RegistryRefused(Unavailable):
    """The registry does not accept this node's credential; the node is set up wrongly, not the request."""

    code, message = "registry-refused", "The registry refuses this node: {reason}"


class StoreUnavailable(Unavailable):
    code, message = "store-unavailable", "The image store '{store}' cannot be used at the moment: {reason}"


class DataChanged(Unavailable):
    """What a store gives is not what was put there; once bytes have gone out, the connection is cut."""

    code, message = (
        "data-changed",
        "The data of image {image_id} is not what its hash says; its store changed it.",
    )


class KeystoneUnavailable(Unavailable):
    code, message = "keystone-unavailable", "Keystone, which knows the callers, cannot be asked at the moment."


class LimitsUnavailable(Unavailable):
    code, message = "limits-unavailable", "Keystone, which keeps the limits, cannot be asked at the moment."


class RemoteUnavailable(Unavailable):
    code, message = "remote-unavailable", "{uri} cannot be fetched at the moment: {reason}."


# Start-up -------------------------------------------------------------------------------------------------------------


class ConfigError(GlanceliteError):
    """The service is set up in a way that it refuses to start with; the message is meant for its operator."""

    code, status, message = "config-error", 500, "{reason}"


def _subclasses(cls: type[GlanceliteError]) -> list[type[GlanceliteError]]:
    return [cls, *(found for sub in cls.__subclasses__() for found in _subclasses(sub))]


ERRORS: dict[str, type[GlanceliteError]] = {cls.code: cls for cls in _subclasses(GlanceliteError)}


def render(status: int, message: str, accept: str) -> tuple[str, bytes]:
    """An error's content type and body in the form that `accept` (an Accept header, perhaps empty) asks for.

    JSON only for who names it and plain text only for who names that: common clients send `*/*` or an empty Accept,
    and read HTML but neither of the others.
    """
    import html  # here, for a command line that renders nothing
    import json
    from http import HTTPStatus

    title = HTTPStatus(status).phrase
    accept = accept.lower()
    if "application/json" in accept:
        body = json.dumps({"message": message, "code": f"{status} {title}", "title": title})
        return "application/json", body.encode()
    if "text/plain" in accept and "text/html" not in accept:
        return "text/plain; charset=UTF-8", f"{status} {title}\n\n{message}\n".encode(errors="backslashreplace")
    text = html.escape(message)
    page = (
        f"<html><head><title>{status} {title}</title></head>"
        f"<body><h1>{status} {title}</h1>{text}<br /><br /></body></html>"
    )
    return "text/html; charset=UTF-8", page.encode(errors="backslashreplace")
