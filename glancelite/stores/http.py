"""The http store: images that are somewhere on the web, read where they are. Nothing is ever written there.

A location is `http[s]://[user:password@]host[:port]/path`. What may be asked is what [import_filtering_opts] allows, so
that a location leads no further than a download does. Ranges are asked of the remote; one that serves none is read from
its beginning up to a bound. Credentials are sent as HTTP Basic to that host only, never logged or shown.

    [glance_store]
    https_ca_certificates_file = /etc/ssl/certs/mirror.pem
"""

from ..domain.ports import Body, ForeignStore
from ..errors import (
    ConfigError,
    DataNotFound,
    InvalidLocation,
    RemoteNotFound,
    RemoteRefused,
    RemoteTooLarge,
    RemoteUnavailable,
    StoreUnavailable,
    UriRefused,
)
from ..fetch import Fetched, Resolve, Rules, check_url, look_up, make_tls, open_url

_PATIENCE = 20.0
"""Seconds to find out how many bytes a place has: somebody waits for the answer, and a thread for the place."""


class HttpStore(ForeignStore):
    """Reads over HTTP and HTTPS."""

    driver = "http"
    schemes = ("http", "https")

    def __init__(
        self,
        store_id: str,
        rules: Rules,
        *,
        cap: int,
        ca_file: str = "",
        insecure: bool = False,
        resolve: Resolve = look_up,
    ) -> None:
        super().__init__(store_id)
        try:
            if ca_file:
                make_tls(ca_file)
        except OSError as error:
            reason = f"https_ca_certificates_file: {ca_file} holds no certificates that can be read."
            raise ConfigError(reason=reason) from error
        self._rules, self._cap = rules, cap
        self._ca_file, self._insecure, self._resolve = ca_file, insecure, resolve

    def open_url(self, url: str, offset: int = 0, length: int | None = None) -> tuple[Body, int | None]:
        try:
            fetched = self._ask("GET", url, offset, length)
        except RemoteNotFound as error:
            raise DataNotFound(image_id=error.details["uri"]) from error
        except (UriRefused, RemoteRefused, RemoteTooLarge, RemoteUnavailable) as error:
            raise StoreUnavailable(store=self.id, reason=str(error)) from error
        return fetched, fetched.total

    def size_url(self, url: str) -> int:
        try:
            return self._ask_size("HEAD", url) or self._ask_size("GET", url) or 0
        except RemoteUnavailable as error:
            raise StoreUnavailable(store=self.id, reason=str(error)) from error
        except UriRefused as error:
            raise InvalidLocation(
                reason=f"{error.details['uri']} is refused, for {error.details['reason']}."
            ) from error
        except (RemoteNotFound, RemoteRefused, RemoteTooLarge) as error:
            raise InvalidLocation(reason=str(error)) from error

    def _ask_size(self, method: str, url: str) -> int | None:
        """The size that the answer to this method tells; places that sign their URLs for GET refuse a HEAD."""
        try:
            with self._ask(method, url, 0, None, total_timeout=_PATIENCE) as fetched:
                return fetched.total
        except RemoteRefused:
            if method == "HEAD":
                return None
            raise

    def _ask(
        self, method: str, url: str, offset: int, length: int | None, total_timeout: float = 6 * 3600.0
    ) -> Fetched:
        return open_url(
            check_url(url, self._rules, allow_credentials=True),
            self._rules,
            cap=self._cap,
            offset=offset,
            length=length,
            method=method,
            total_timeout=total_timeout,
            idle_timeout=min(30.0, total_timeout),
            ca_file=self._ca_file,
            insecure=self._insecure,
            resolve=self._resolve,
        )
