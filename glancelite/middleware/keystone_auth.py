"""Authentication by Keystone: keystonemiddleware finds out whose token it is; a Keystone that cannot say is no refusal.

The only module that imports keystonemiddleware. What a token means for images is decided behind, by `identity`.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from keystoneauth1 import exceptions, loading
from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import _request as auth_request
from oslo_config import cfg

from ..domain.context import IDENTITY_HEADERS, strip_identity
from ..errors import ConfigError, KeystoneUnavailable
from .base import CHALLENGE_KEY, Filter

SECTION = "keystone_authtoken"

_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
"""What may be a token at all; with anything else Keystone is not bothered."""

log = logging.getLogger(__name__)


class KeystoneAuth(Filter):
    """Asks Keystone whose token a request brings, and drops identity headers that the client sent itself.

    A token that Keystone does not know, that was revoked or has run out is not confirmed, and `identity` answers 401.
    When Keystone cannot be asked the answer is 503. A token found good is believed for `token_cache_time` seconds.

    How Keystone is asked stands in section [keystone_authtoken] of glancelite.conf, or in the environment as
    GLANCELITE_KEYSTONE_AUTHTOKEN_<NAME>. Knobs here are defaults for it; every option of keystonemiddleware and of its
    auth plugin may be one.

        [filter:keystone_auth]
        use = egg:glancelite#keystone_auth
        # auth_url = https://keystone.example.org/v3
        # username = glance
        # password = ...
    """

    name = "keystone_auth"
    is_auth = True

    def __init__(self, app: WSGIApplication, **knobs: Any) -> None:
        self.app, self.knobs = app, knobs
        self._asker = _open_asker(app, knobs)
        self._challenge = f'Keystone uri="{knobs.get("www_authenticate_uri") or knobs["auth_url"]}"'

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[CHALLENGE_KEY] = self._challenge
        strip_identity(environ)
        try:
            self._asker.process_request(auth_request._AuthTokenRequest(environ))
        except KeystoneUnavailable as error:
            return self.refuse(environ, start_response, error)
        _spell(environ)
        return self.app(environ, start_response)


class _Asker(auth_token.AuthProtocol):  # type: ignore[misc]
    """keystonemiddleware's filter, which with a delayed decision takes "could not ask" for "is not valid"."""

    def fetch_token(self, token: str, **kwargs: Any) -> Any:
        if not _TOKEN.fullmatch(token):
            raise auth_token.InvalidToken("This is no token.")
        try:
            return super().fetch_token(token, **kwargs)
        except auth_token.InvalidToken as error:
            if _is_unanswered(error.__context__):
                raise _unavailable(error.__context__) from error
            raise
        except (exceptions.ClientException, auth_token.ServiceError) as error:
            raise _unavailable(error) from error


def _spell(environ: WSGIEnvironment) -> None:
    """Identity headers as WSGI has them: keystonemiddleware leaves None in some, and text beyond latin-1."""
    for name in IDENTITY_HEADERS:
        variable = "HTTP_" + name.upper().replace("-", "_")
        value = environ.pop(variable, None)
        if value is not None:
            environ[variable] = value.encode().decode("latin-1")


def _is_unanswered(reason: BaseException | None) -> bool:
    """Was a token called invalid for want of an answer? Keystone's own "there is no such token" is NotFound."""
    if isinstance(reason, exceptions.NotFound):
        return False
    return isinstance(reason, (exceptions.ClientException, auth_token.ServiceError))


def _unavailable(reason: BaseException | None) -> KeystoneUnavailable:
    log.error("Keystone cannot be asked about a token: %s", reason)
    return KeystoneUnavailable()


def _fixed(knobs: Mapping[str, Any]) -> dict[str, Any]:
    """What is not for operators to say: `identity` decides, and 0 seconds are none (there, for ever; none is -1)."""
    return {
        "delay_auth_decision": True,
        "token_cache_time": int(knobs.get("token_cache_time", 0)) or -1,
        "www_authenticate_uri": knobs.get("www_authenticate_uri") or knobs["auth_url"],
    }


def _open_asker(app: WSGIApplication, knobs: Mapping[str, Any]) -> _Asker:
    if not knobs.get("auth_url"):
        raise ConfigError(reason=f"[{SECTION}] auth_url is not set: where is Keystone?")
    if str(knobs.get("auth_type", "password")).endswith("password") and not (
        knobs.get("password") and (knobs.get("username") or knobs.get("user_id"))
    ):
        raise ConfigError(reason=f"[{SECTION}] username and password are not both set: who is this service there?")
    conf = cfg.ConfigOpts()
    conf([], project="glancelite", default_config_files=[], default_config_dirs=[])
    try:
        for group, options in auth_token.list_opts():
            conf.register_opts(options, group=group)
        plugin: Any = loading.get_plugin_loader(knobs.get("auth_type", "password"))
        conf.register_opts(loading.get_auth_plugin_conf_options(plugin), group=SECTION)
        for name, value in (dict(knobs) | _fixed(knobs)).items():
            conf.set_override(name, value, group=SECTION)
        return _Asker(app, {"oslo_config_config": conf})
    except (cfg.Error, ValueError, exceptions.ClientException, auth_token.ConfigurationError) as error:
        raise ConfigError(reason=f"[{SECTION}] is not understood: {error}") from error
