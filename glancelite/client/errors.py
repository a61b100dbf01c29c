"""What can go wrong between a client and a service, each said in one sentence."""


class ClientError(Exception):
    """Base of all errors of the client; its text is one sentence for a person."""


class Unreachable(ClientError):
    """The service gave no answer: refused, timed out, TLS, or a connection that broke."""


class BadAccess(ClientError):
    """What was said about where the service is, or who asks, cannot be used."""


class BadAnswer(ClientError):
    """Something answered that does not speak the Image API."""


class BadData(ClientError):
    """Image data is not what it should be: too short, too long, or with another hash."""


class ImageUnknown(ClientError):
    """No visible image has this id or name, or several have this name."""


class ProjectUnknown(ClientError):
    """No project has this id or name, or several have this name, or the login does not tell one."""


class LocationUnknown(ClientError):
    """The image has no location with this URL."""


class NotOffered(ClientError):
    """The service does not have what was asked for."""


class ImportFailed(ClientError):
    """An import that the service began did not end well; its text is the service's reason."""


class Refused(ClientError):
    """The service answered with an error: its status, its own sentence, the id of the request."""

    def __init__(self, status: int, sentence: str, request_id: str = "") -> None:
        self.status, self.sentence, self.request_id = status, sentence, request_id
        asked = f", request {request_id}" if request_id else ""
        super().__init__(f"{sentence} (HTTP {status}{asked})")
