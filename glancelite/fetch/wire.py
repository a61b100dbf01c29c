"""One request and its answer over urllib3, to an address that was checked; the library's errors as ours."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead

from urllib3 import BaseHTTPResponse, exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from ..errors import RemoteRefused, RemoteUnavailable
from .pace import HEAD_BYTES, Pace, set_pace
from .url import Url

_MOST_ADDRESSES = 4


class Exchange:
    """A connection and the answer that came over it."""

    def __init__(self, connection: HTTPConnection, answer: BaseHTTPResponse, pace: Pace) -> None:
        self._connection, self._answer, self._pace = connection, answer, pace
        self.status, self.headers = answer.status, answer.headers

    def read(self, size: int) -> bytes:
        """The next bytes of the body as they were sent, b"" at its end."""
        self._pace.allow(8 * size + HEAD_BYTES)  # chunks of one byte take six
        with translated(self._pace.shown):
            return self._answer.read1(size, decode_content=False)  # what is there: a slow one is told of

    def close(self) -> None:
        """Close the connection, whatever is still to come over it."""
        self._answer.close()
        self._connection.close()


def exchange(
    method: str,
    url: Url,
    addresses: tuple[str, ...],
    headers: Mapping[str, str],
    pace: Pace,
    connect_timeout: float,
    tls: ssl.SSLContext | None,
) -> Exchange:
    """Ask the first of the addresses that takes a connection, under the URL's own name."""
    connection = _connect_any(url, addresses, pace, connect_timeout, tls)
    try:
        with translated(pace.shown):
            pace.allow(HEAD_BYTES)
            connection.request(method, url.target, headers={**headers, "Host": url.authority}, preload_content=False)
            return Exchange(connection, connection.getresponse(), pace)
    except BaseException:
        connection.close()
        raise


def _connect_any(
    url: Url, addresses: tuple[str, ...], pace: Pace, connect_timeout: float, tls: ssl.SSLContext | None
) -> HTTPConnection:
    failure = RemoteUnavailable(uri=pace.shown, reason="it has no address")
    for address in addresses[:_MOST_ADDRESSES]:
        try:
            return _connect(url, address, pace, connect_timeout, tls)
        except RemoteUnavailable as error:
            failure = error
    raise failure


def _connect(url: Url, address: str, pace: Pace, connect_timeout: float, tls: ssl.SSLContext | None) -> HTTPConnection:
    """Connect to the address itself: no name is looked up again, no proxy of the environment is asked."""
    timeout = min(connect_timeout, pace.left())
    if tls is None:
        connection = HTTPConnection(address, url.port, timeout=timeout)
    else:
        connection = HTTPSConnection(address, url.port, timeout=timeout, ssl_context=tls, server_hostname=url.host)
    try:
        with translated(pace.shown):
            connection.connect()
            connection.sock = set_pace(connection.sock, pace)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def translated(shown: str) -> Iterator[None]:
    """Turn what urllib3, http.client and sockets raise into our errors, without a word of the remote's."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise RemoteRefused(uri=shown, reason="its TLS certificate is not valid for it") from error
    except (IncompleteRead, exceptions.ProtocolError, exceptions.SSLError) as error:
        raise RemoteUnavailable(uri=shown, reason="its answer ended before it was complete") from error
    except exceptions.NewConnectionError as error:
        raise RemoteUnavailable(uri=shown, reason="no connection to it can be made") from error
    except (TimeoutError, exceptions.TimeoutError) as error:
        raise RemoteUnavailable(uri=shown, reason="it is too slow") from error
    except OSError as error:
        raise RemoteUnavailable(uri=shown, reason="the connection to it broke") from error
    except (HTTPException, exceptions.HTTPError, ValueError) as error:
        raise RemoteRefused(uri=shown, reason="it does not speak HTTP properly") from error
