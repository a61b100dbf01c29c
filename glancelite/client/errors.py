"""What can go wrong between a client and a service, each said in one sentence."""


class ClientError(Exception):
    """Base of all errors of the client; its text is one sentence for a person."""


class Unreachable(ClientError):
    """The service gave no answer: refused, timed out, TLS, or a connection that broke."""


class Unconnected(Unreachable):
    """There was no connection at all: nothing was sent."""


class BadAccess(ClientError):
    """What was said about where the service is, or who asks, cannot be used."""


class BadAnswer(ClientError):
    """Something answered that does not speak the Image API."""


class BadData(ClientError):
    """Image data is not what it should be: too short, too long, or with another hash."""


class WrongHash(BadData):
    """The service took data, and recorded another hash of it than it had here."""


class NotLoggedIn(ClientError):
    """Who asks is not known by that name and password."""

    status = 401


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


class WaitedEnough(ClientError):
    """An import was waited for as long as was asked for; it goes on."""


class Refused(ClientError):
    """The service answered with an error: its status, its own sentence, the id of the request, and the seconds after
    which it asks to be asked again."""

    def __init__(self, status: int, sentence: str, request_id: str = "", retry_after: float | None = None) -> None:
        self.status, self.sentence, self.request_id = status, sentence, request_id
        self.retry_after = retry_after
        asked = f", request {request_id}" if request_id else ""
        super().__init__(f"{sentence} (HTTP {status}{asked})")
