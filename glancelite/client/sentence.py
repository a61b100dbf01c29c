"""Finds the sentence in an error's body, in any of the forms that image services and what stands before them use."""

import html
import json
import re
from http import HTTPStatus
from typing import Any

_HEAD = re.compile(r"<(head|title|h1|script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_BLANKS = re.compile(r"\s+")


def find_sentence(status: int, content_type: str, body: bytes) -> str:
    """The service's own words, without the markup around them; the status's name when it said nothing."""
    text = body.decode("utf-8", "replace")
    if "json" in content_type:
        text = _from_json(text)
    elif "html" in content_type:
        text = _plain(_HEAD.sub(" ", text)) or _plain(text)
    else:
        text = _plain(re.sub(rf"^{status} [^\n]*\n", "", text))
    return text or _phrase(status)


def _from_json(text: str) -> str:
    try:
        found: Any = json.loads(text)
    except ValueError:
        return _plain(text)
    if isinstance(found, dict) and isinstance(found.get("error"), dict):
        found = found["error"]
    message = found.get("message") if isinstance(found, dict) else None
    return _plain(message) if isinstance(message, str) else _plain(text)


def _plain(text: str) -> str:
    return _BLANKS.sub(" ", html.unescape(_TAG.sub(" ", text))).strip()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "The service gave no reason."
