"""Fetching an image's data from elsewhere into staging: web-download, and glance-download from another region."""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from ..domain.digest import ALGORITHMS, Digest, parse_digest
from ..domain.image import Image
from ..domain.ports import Content
from ..errors import BadRequest, SizeMismatch
from ..fetch import Rules, Url, check_url, open_url, read_rules
from ..usecases.arrival import arrive, begin, make_limits
from ..usecases.staging import stage_intent
from .before import is_carried
from .job import Job, Watched

_DOCUMENT_MAX = 4 << 20
_HEX = re.compile(r"[0-9a-f]+")

log = logging.getLogger(__name__)


def fetch(job: Job, image: Image) -> Image:
    """Have the data staged that the import names; the image then. Raises what fetching and staging raise."""
    method = job.input["import_req"]["method"]
    if method["name"] == "glance-download":
        return _fetch_from_region(job, image, method)
    rules = read_rules(job.services.config)
    expected = parse_digest(method["checksum"]) if method.get("checksum") else None
    return stage_from(job, image, check_url(method["uri"], rules), rules, expected=expected)


def stage_from(
    job: Job,
    image: Image,
    url: Url,
    rules: Rules,
    *,
    headers: Mapping[str, str] | None = None,
    size: int | None = None,
    expected: Digest | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Image:
    """Fetch the URL into staging. `size` and `expected` are what the data is promised to be."""
    services, store = job.services, job.services.stores.staging
    job.report(f"Asking {url.shown}", at_once=True)
    cap = services.config["image_size_cap"]
    with open_url(url, rules, cap=cap, headers=headers, check=job.check_stopping) as fetched:
        if size is not None and fetched.size not in (None, size):
            raise SizeMismatch(image_id=image.id, received=fetched.size, declared=size)
        declared = size if fetched.size is None else fetched.size
        same = {"expect": image.status, "to": image.status, "if_lost": image.status}
        intent = stage_intent(services, image, declared, kind="fetch", task=job.task.id, **same)
        room = begin(services, job.context, intent, store)
        limits = make_limits(services, intent, room, is_staging=True, expected=expected)
        source = Watched(fetched, declared, f"Fetching from {url.host}", job)

        def commit(content: Content, place: str) -> Image:
            return services.registry.park_blob(job.context, intent, content, dict(changes or {}))

        return arrive(services, image, intent, source, store, limits, commit)


def _fetch_from_region(job: Job, image: Image, method: Mapping[str, Any]) -> Image:
    """The data of an active image of another region, with its formats and some of its properties."""
    endpoint, token = _find_endpoint(job, method), job.require_token()
    text = f"{endpoint.rstrip('/').removesuffix('/v2')}/v2/images/{method['glance_image_id']}"
    # The operator's catalog names this place; where it redirects to is no longer the operator's word.
    own = re.match(r"([a-z]+)://(\[[^]]*\]|[^/:]+)(?::(\d+))?", text.lower())
    if own is None:
        raise BadRequest(reason=f"The endpoint of region {method['glance_region']} is no http:// or https:// URL.")
    port = int(own[3] or (443 if own[1] == "https" else 80))
    rules = Rules(allowed_hosts=frozenset({own[2].strip("[]")}), allowed_ports=frozenset({port}), allow_private=True)
    headers = {"X-Auth-Token": token}
    source = _read_source(job, text, rules, headers)
    if source.get("status") != "active":
        raise BadRequest(reason=f"Image {method['glance_image_id']} of region {method['glance_region']} is not active.")
    return stage_from(
        job,
        image,
        check_url(f"{text}/file", rules),
        rules,
        headers=headers,
        size=source["size"] if isinstance(source.get("size"), int) else None,
        expected=_digest_of(source),
        changes=_changes(job, source),
    )


def _find_endpoint(job: Job, method: Mapping[str, Any]) -> str:
    endpoint = job.input.get("endpoint")
    if not isinstance(endpoint, str):
        raise BadRequest(reason=f"There is no image service in region {method['glance_region']:.80} of the catalog.")
    return endpoint


def _read_source(job: Job, text: str, rules: Rules, headers: Mapping[str, str]) -> dict[str, Any]:
    url = check_url(text, rules)
    with open_url(url, rules, cap=_DOCUMENT_MAX, headers=headers, check=job.check_stopping) as fetched:
        body = b""
        while block := fetched.read(1 << 16):
            body += block
    try:
        document = json.loads(body)
    except ValueError as error:
        raise BadRequest(reason="What answers in the other region is no image service.") from error
    if not isinstance(document, dict):
        raise BadRequest(reason="What answers in the other region is no image service.")
    return document


def _digest_of(source: Mapping[str, Any]) -> Digest | None:
    """The hash that the other region vouches for, where it is one that can be computed here."""
    algorithm, value = source.get("os_hash_algo"), source.get("os_hash_value")
    if algorithm not in ALGORITHMS or not isinstance(value, str) or not _HEX.fullmatch(value):
        return None
    return Digest(str(algorithm), value)


def _changes(job: Job, source: Mapping[str, Any]) -> dict[str, Any]:
    """Formats and properties that come along."""
    config = job.services.config
    found: dict[str, Any] = {}
    for name in ("disk_format", "container_format"):
        if source.get(name) not in config[f"image_format.{name}s"]:
            raise BadRequest(reason=f"The other image's {name} '{source.get(name)!s:.40}' is not known here.")
        found[name] = source[name]
    carried = {name: value for name, value in source.items() if isinstance(value, str) and is_carried(job, name)}
    return found | {"properties": carried}
