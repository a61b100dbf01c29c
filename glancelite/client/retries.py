"""What is tried again when it failed for a reason that may pass, how often, and after which pause."""

import logging
import time
from email.utils import parsedate_to_datetime

from .errors import ClientError, Refused, Unreachable

log = logging.getLogger(__name__)

IDEMPOTENT = ("GET", "HEAD", "PUT", "DELETE")
_FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
_PASSING = (429, 502, 503, 504)


class Retries:
    """So many tries are left."""

    def __init__(self, left: int) -> None:
        self._left, self._pause = left, _FIRST_PAUSE

    def wait(self, error: ClientError) -> None:
        """Pause before another try, as long as the service asks for if it does; raise the error when there is none."""
        if not self._left or not may_pass(error):
            raise error
        asked = error.retry_after if isinstance(error, Refused) else None
        seconds = min(self._pause if asked is None else asked, LONGEST_PAUSE)
        log.warning("%s Trying again in %.3g s.", error, seconds)
        self._left, self._pause = self._left - 1, self._pause * 2
        time.sleep(seconds)


def may_pass(error: ClientError) -> bool:
    """Is it worth asking again?"""
    return isinstance(error, Unreachable) or (isinstance(error, Refused) and error.status in _PASSING)


def read_retry_after(text: str | None) -> float | None:
    """Seconds that the header Retry-After asks for, as a number or as a time."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
