"""Where the service is and what proves who asks, from settings named like those of clouds.yaml.

`none`, `http_basic` and `token` need nothing but the endpoint; the Keystone kinds ask keystoneauth1 for a token and the
catalog, and only they import it.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .errors import BadAccess, ClientError, NotLoggedIn, Refused, Unreachable
from .identity import Identity

LOCAL_ENDPOINT = "http://127.0.0.1:9292"
"""Where a service listens that was started with nothing configured."""

DEFAULT_DOMAIN = "default"
"""Id of the domain that users and projects are in when nobody says another: the one that Keystone comes with."""

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Login:
    """An endpoint without its version, and the headers that say who asks (asked for anew for every request)."""

    endpoint: str
    headers: Callable[[], dict[str, str]]
    identity: Identity | None = None
    """The Keystone that was logged in to."""


def log_in(settings: Settings) -> Login:
    """Find the endpoint and the credentials that `settings` describe."""
    kind = settings.get("auth_type") or guess_kind(settings)
    if kind not in _KINDS:
        raise BadAccess(f"Auth type '{kind}' is not one of {', '.join(_KINDS)}.")
    return _KINDS[kind](settings)


def trim_endpoint(url: str) -> str:
    """The endpoint without a version or slash at its end; refused when it is no http(s) URL."""
    try:
        parts = urlsplit(url.strip())
    except ValueError as error:
        raise BadAccess(f"'{url}' is not an http:// or https:// URL.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAccess(f"'{_without_user(url)}' is not an http:// or https:// URL.")
    if "@" in parts.netloc:
        raise BadAccess("An endpoint has no user and password in it: they are --os-username and --os-password.")
    path = parts.path.rstrip("/")
    head, _, last = path.rpartition("/")
    if last.startswith("v") and last[1:].replace(".", "", 1).isdigit():
        path = head.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _without_user(url: str) -> str:
    return re.sub(r"//[^/]*@", "//***@", url)


def guess_kind(settings: Settings) -> str:
    """The auth type that settings mean which name none."""
    if settings.get("application_credential_id") or settings.get("application_credential_name"):
        return "v3applicationcredential"
    if settings.get("token"):
        return "token"
    if settings.get("auth_url"):
        return "password"
    return "none"


def _endpoint(settings: Settings) -> str:
    return trim_endpoint(settings.get("endpoint") or LOCAL_ENDPOINT)


def _none(settings: Settings) -> Login:
    return Login(_endpoint(settings), dict)


def _basic(settings: Settings) -> Login:
    username, password = _need(settings, "username", "http_basic"), _need(settings, "password", "http_basic")
    proof = base64.b64encode(f"{username}:{password}".encode(errors="surrogateescape")).decode()
    return Login(_endpoint(settings), lambda: {"Authorization": f"Basic {proof}"})


def _token(settings: Settings) -> Login:
    token = _need(settings, "token", "token")
    if settings.get("auth_url") and not settings.get("endpoint"):
        return _keystone("Token", settings, {"token": token} | _scope(settings))
    return Login(_endpoint(settings), lambda: {"X-Auth-Token": token})


def _password(settings: Settings) -> Login:
    if not (settings.get("username") or settings.get("user_id")):
        raise BadAccess("Auth type password needs --os-username or --os-user-id (OS_USERNAME, OS_USER_ID).")
    who = {
        "username": settings.get("username"),
        "user_id": settings.get("user_id"),
        "password": _need(settings, "password", "password"),
        "user_domain_id": settings.get("user_domain_id") or _default_domain(settings, "user_domain_name", "user_id"),
        "user_domain_name": settings.get("user_domain_name"),
    }
    return _keystone("Password", settings, who | _scope(settings))


def _application_credential(settings: Settings) -> Login:
    who = {f"application_credential_{key}": settings.get(f"application_credential_{key}") for key in ("id", "name")}
    who["application_credential_secret"] = _need(settings, "application_credential_secret", "v3applicationcredential")
    who |= {key: settings.get(key) for key in ("username", "user_id", "user_domain_id", "user_domain_name")}
    who["user_domain_id"] = who["user_domain_id"] or _default_domain(settings, "user_domain_name", "user_id")
    return _keystone("ApplicationCredential", settings, who)


_KINDS: dict[str, Callable[[Settings], Login]] = {
    "none": _none,
    "http_basic": _basic,
    "token": _token,
    "admin_token": _token,
    "v3token": _token,
    "password": _password,
    "v3password": _password,
    "v3applicationcredential": _application_credential,
}


def _need(settings: Settings, key: str, kind: str) -> str:
    if not settings.get(key):
        option = key.replace("_", "-")
        raise BadAccess(f"Auth type {kind} needs --os-{option} (OS_{key.upper()}).")
    return str(settings[key])


def _scope(settings: Settings) -> dict[str, Any]:
    keys = ("project_id", "project_name", "project_domain_id", "project_domain_name", "domain_id", "domain_name")
    scope = {key: settings.get(key) for key in (*keys, "system_scope")}
    scope["project_domain_id"] = scope["project_domain_id"] or _default_domain(
        settings, "project_domain_name", "project_id"
    )
    return scope


def _default_domain(settings: Settings, *instead: str) -> Any:
    return None if any(settings.get(key) for key in instead) else settings.get("default_domain") or DEFAULT_DOMAIN


def _keystone(plugin: str, settings: Settings, who: dict[str, Any]) -> Login:
    try:
        from keystoneauth1 import exceptions, session
        from keystoneauth1.identity import generic, v3
    except ImportError as error:
        raise BadAccess(
            "Logging in at Keystone needs keystoneauth1: install it with pip install 'glancelite[keystone]'."
        ) from error
    from .pools import make_interruptible

    trim_endpoint(_need(settings, "auth_url", "password"))
    auth = getattr(generic, plugin, None) or getattr(v3, plugin)
    auth = auth(auth_url=settings["auth_url"], **who)
    cert = (settings["cert"], settings["key"]) if settings.get("key") else settings.get("cert")
    verify = settings.get("verify", True) is not False and (settings.get("cacert") or True)
    if not verify:
        import urllib3

        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    keystone = session.Session(auth=auth, verify=verify, cert=cert, timeout=settings.get("timeout"))
    for adapter in keystone.session.adapters.values():
        make_interruptible(adapter)

    def ask(question: Callable[[], Any]) -> Any:
        try:
            return question()
        except exceptions.EndpointNotFound as error:
            raise BadAccess(f"Keystone's catalog names no image service to use: {error}.") from error
        except exceptions.ConnectFailure as error:
            raise Unreachable(f"Keystone at {settings['auth_url']} cannot be reached: {error}") from error
        except exceptions.Unauthorized as error:
            raise NotLoggedIn(f"Keystone at {settings['auth_url']} did not log you in: {error}") from error
        except exceptions.ClientException as error:
            raise ClientError(f"Keystone at {settings['auth_url']} did not log you in: {error}") from error

    interface = (settings.get("interface") or "public").removesuffix("URL")
    endpoint = settings.get("endpoint") or ask(
        lambda: keystone.get_endpoint(
            service_type="image", interface=interface, region_name=settings.get("region_name")
        )
    )
    if not endpoint:
        raise BadAccess("Keystone's catalog names no image service to use for this region and interface.")
    where = {"service_type": "identity", "interface": interface, "region_name": settings.get("region_name")}
    return Login(
        trim_endpoint(endpoint),
        lambda: {"X-Auth-Token": ask(keystone.get_token)},
        Identity(
            lambda path, query: ask(lambda: _read(keystone, where, path, query)),
            lambda: ask(keystone.get_project_id),
            lambda: ask(lambda: _find_region(keystone, {**where, "service_type": "image"})),
        ),
    )


def _find_region(keystone: Any, where: dict[str, Any]) -> str | None:
    """The region of the endpoint that the catalog has."""
    found = keystone.auth.get_endpoint_data(keystone, discover_versions=False, **where)
    return found.region_name if found else None


def _read(keystone: Any, where: dict[str, Any], path: str, query: dict[str, str]) -> Any:
    """What Keystone answers, asked where the catalog says that it is."""
    from .sentence import find_sentence

    answer = keystone.get(
        path,
        params=query,
        headers={"Accept": "application/json"},
        endpoint_filter={**where, "version": (3, "latest")},
        raise_exc=False,
    )
    if answer.status_code >= 400:
        kind = answer.headers.get("Content-Type", "")
        sentence = find_sentence(answer.status_code, kind, answer.content)
        raise Refused(answer.status_code, sentence, answer.headers.get("X-Openstack-Request-Id", ""))
    return answer.json()
