"""Limits as Keystone keeps them, read with oslo.limit. Imported only where `use_keystone_limits` is set.

oslo.limit is asked for the limits alone: whether they hold is decided in the registry's own transaction, where two
requests cannot both take what is left for one.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from keystoneauth1 import exceptions, loading
from openstack.exceptions import NotFoundException, SDKException, raise_from_response
from oslo_config import cfg
from oslo_limit import limit
from oslo_limit.exception import SessionInitError

from .domain.limits import DomainBounds, to_bounds
from .domain.ports import Limits
from .errors import ConfigError, LimitsUnavailable

SECTION = "oslo_limit"
_PATIENCE = {"connect_retries": 1, "connect_retry_delay": 0.1}
"""A connection that was kept may be closed in the moment in which it is used again: that request was not read."""
_ALL: Any = None  # which oslo.limit takes, though its signatures do not say so

log = logging.getLogger(__name__)


class KeystoneLimits(Limits):
    """The limits registered for this service's endpoint, and those that single projects have instead."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        _configure(options)
        self._lock = threading.Lock()
        self._reader: _Reader | None = None

    def find(self, project: str) -> Mapping[str, int]:
        with _explaining(project):
            reader = self._open()
            return reader.read_registered() | dict(reader.get_project_limits(project, _ALL))

    def find_domain(self, project: str) -> DomainBounds | None:
        with _explaining(project):
            reader = self._open()
            try:
                domain = reader.find_domain(project) if reader.has_two_levels else None
            except NotFoundException:  # an owner that Keystone does not know
                domain = None
            if domain is None:
                return None
            limits = reader.read_registered() | reader.read_domain_limits(domain)
            return DomainBounds(domain, reader.list_projects(domain), to_bounds(limits))

    def _open(self) -> "_Reader":
        """Ask Keystone for its model and our endpoint, once and in the process that serves."""
        with self._lock:
            if self._reader is None:
                self._reader = _Reader(_count_nothing, cache=False)
            return self._reader


class _Reader(limit.Enforcer):
    """oslo.limit's reader, for Keystone's model `strict_two_level` too, of which oslo.limit has no more than a name.

    There a domain is the first level: its limits are for its projects together, and each project has its own besides.
    """

    has_two_levels = False

    def _get_enforcement_model(self) -> str:
        model: str = super()._get_enforcement_model()
        self.has_two_levels = model == "strict_two_level"
        return "flat" if self.has_two_levels else model

    def read_registered(self) -> dict[str, int]:
        return dict(self.get_registered_limits(_ALL))

    def find_domain(self, project: str) -> str:
        domain: str = self.connection.get_project(project).domain_id
        return domain

    def list_projects(self, domain: str) -> tuple[str, ...]:
        return tuple(project.id for project in self.connection.projects(domain_id=domain))

    def read_domain_limits(self, domain: str) -> dict[str, int]:
        endpoint: Any = self.model
        place = {"service_id": endpoint._utils._service_id, "region_id": endpoint._utils._region_id}
        wanted = {name: value for name, value in place.items() if value is not None} | {"domain_id": domain}
        answer = self.connection.get("/limits", params=wanted)
        raise_from_response(answer)
        return {one["resource_name"]: one["resource_limit"] for one in answer.json()["limits"]}


@contextmanager
def _explaining(project: str) -> Iterator[None]:
    """Failures of those libraries as ours."""
    try:
        yield
    except (SessionInitError, SDKException, exceptions.ClientException, ValueError) as error:
        log.error("the limits of project %s cannot be read: %s", project, error)
        raise LimitsUnavailable() from error


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
        for name, value in {**_PATIENCE, **options}.items():
            cfg.CONF.set_override(name, value, group=SECTION)
    except (cfg.Error, ValueError, exceptions.ClientException) as error:
        raise ConfigError(reason=f"[{SECTION}] is not understood: {error}") from error
