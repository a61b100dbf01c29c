"""Limits as Keystone keeps them, read with oslo.limit. Imported only where `use_keystone_limits` is set.

oslo.limit is asked for the limits alone: whether they hold is decided in the registry's own transaction, where two
requests cannot both take what is left for one.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Any

from keystoneauth1 import exceptions, loading
from openstack.exceptions import SDKException
from oslo_config import cfg
from oslo_limit import limit
from oslo_limit.exception import SessionInitError

from .domain.ports import Limits
from .errors import ConfigError, LimitsUnavailable

SECTION = "oslo_limit"

log = logging.getLogger(__name__)


class KeystoneLimits(Limits):
    """The limits registered for this service's endpoint, and those that single projects have instead."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        _configure(options)
        self._lock = threading.Lock()
        self._enforcer: Any = None

    def find(self, project: str) -> Mapping[str, int]:
        try:
            enforcer = self._open()
            return dict(enforcer.get_registered_limits(None)) | dict(enforcer.get_project_limits(project, None))
        except (SessionInitError, SDKException, exceptions.ClientException, ValueError) as error:
            log.error("the limits of project %s cannot be read: %s", project, error)
            raise LimitsUnavailable() from error

    def _open(self) -> Any:
        """Ask Keystone for its model and our endpoint, once and in the process that serves."""
        with self._lock:
            if self._enforcer is None:
                self._enforcer = limit.Enforcer(_count_nothing, cache=False)
            return self._enforcer


def _count_nothing(project: str | None, resources: Any) -> dict[str, int]:
    return dict.fromkeys(resources, 0)


def _configure(options: Mapping[str, Any]) -> None:
    """oslo.limit reads oslo.config's one global configuration and nothing else."""
    if not options.get("auth_url"):
        raise ConfigError(reason=f"[{SECTION}] auth_url is not set, and use_keystone_limits needs it.")
    if options["auth_type"].endswith("password") and not (options.get("username") and options.get("password")):
        raise ConfigError(reason=f"[{SECTION}] username and password are not both set: who is to read the limits?")
    try:
        plugin: Any = loading.get_plugin_loader(options["auth_type"])
        cfg.CONF.register_opts(loading.get_auth_plugin_conf_options(plugin), group=SECTION)
        for name, value in options.items():
            cfg.CONF.set_override(name, value, group=SECTION)
    except (cfg.Error, ValueError, exceptions.ClientException) as error:
        raise ConfigError(reason=f"[{SECTION}] is not understood: {error}") from error
