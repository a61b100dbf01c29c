"""The composition root: a Config becomes services, services become apps, paste puts the pipeline in front of them.

Everything that runs glancelite comes through here: the command line, the .wsgi files, tests, and whoever loads the
paste ini by themselves (the paste factories below).
"""

import atexit
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

from paste.deploy import loadapp

from . import config as configuration
from .config import Config
from .domain import policy, schemas, versions
from .domain.ports import Registry
from .domain.validate import Validator
from .errors import ConfigError, GlanceliteError
from .middleware.catch_errors import CatchErrors
from .middleware.file_auth import FileAuth
from .middleware.healthcheck import Healthcheck
from .middleware.version_negotiation import VersionNegotiation
from .registry.key import registry_key
from .registry.local import LocalRegistry, open_registry
from .stores import open_stores
from .usecases.housekeeping import Housekeeping
from .usecases.services import Services, Stores
from .users import UsersFile

INI_NAMES = {"api": "api-paste.ini", "registry": "registry-paste.ini"}

Knobs = Mapping[str, str]


@dataclass
class Application:
    """An app ready to serve, with what must be started after the fork and stopped after the drain."""

    app: WSGIApplication
    registry: Registry
    housekeeping: Housekeeping | None = None
    stores: Stores | None = None

    def start(self) -> None:
        if self.stores is not None:
            self.stores.attach(self.registry)
        if self.housekeeping is not None:
            self.housekeeping.start()

    def stop(self) -> None:
        if self.housekeeping is not None:
            self.housekeeping.stop()
        self.registry.close()


class Instance:
    """One configuration and what is built from it, each part when it is first needed."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @cached_property
    def services(self) -> Services:
        return build_services(self.config)

    @cached_property
    def registry(self) -> LocalRegistry:
        return open_registry(self.config)

    @cached_property
    def key(self) -> bytes:
        return registry_key(self.config)


_instances: dict[str, Instance] = {}
"""Instances by the name under which PasteDeploy's global_conf, which carries text only, hands them to the factories."""


# From a configuration to an app ---------------------------------------------------------------------------------------


def load_api(config: Config) -> Application:
    """The API behind its pipeline. With the registry in this process, its database is brought up to date first."""
    instance = Instance(config)
    services = instance.services
    if isinstance(services.registry, LocalRegistry):
        services.registry.upgrade()
    app = _load_pipeline("api", config["paste_deploy.flavor"], instance)
    _check_pipeline(app)
    services.registry.close()  # no connection may cross the fork
    return Application(app, services.registry, Housekeeping(services), services.stores)


def load_registry(config: Config) -> Application:
    """The registry daemon behind its pipeline, its database brought up to date."""
    instance = Instance(config)
    instance.registry.upgrade()
    app = _load_pipeline("registry", "main", instance)
    instance.registry.close()
    return Application(app, instance.registry)


def load_wsgi(role: str) -> WSGIApplication:
    """For mod_wsgi and its like: the app of this process, configured by environment and file, started."""
    config = configuration.load(configuration.find_file(os.environ), os.environ)
    application = load_api(config) if role == "api" else load_registry(config)
    start_logging()
    application.start()
    atexit.register(application.stop)
    return application.app


def start_logging() -> None:
    """Requests and what goes wrong, to standard error."""
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=form)


def build_services(config: Config) -> Services:
    """Everything the use-cases need; nothing is opened or asked yet."""
    image = schemas.image_schema(config["image_format.disk_formats"], config["image_format.container_formats"])
    return Services(
        config=config,
        registry=_open_registry(config),
        stores=open_stores(config),
        policy=policy.Policy(),
        schemas={"image": image, "images": schemas.images_schema(image)},
        validator=Validator("image", schemas.body_schema(image)),
    )


def _open_registry(config: Config) -> Registry:
    if config["registry.location"] == "local":
        return open_registry(config)
    from .registry.remote import connect_registry  # the HTTP client is not needed otherwise

    registry: Registry = connect_registry(config)
    return registry


# Paste ----------------------------------------------------------------------------------------------------------------


def find_ini(role: str, config: Config) -> Path:
    """The paste ini of a role: the configured one, else the one that came with glancelite."""
    configured = config["paste_deploy.config_file"] if role == "api" else ""
    name = INI_NAMES[role]
    places = (Path(__file__).parents[1] / "etc", Path(sys.prefix) / "etc/glancelite", configuration.SYSTEM_FILE.parent)
    for path in [Path(configured)] if configured else [place / name for place in places]:
        if path.is_file():
            return path.absolute()
    raise ConfigError(reason=f"There is no pipeline to load: {configured or name} is not to be found.")


def _load_pipeline(role: str, name: str, instance: Instance) -> WSGIApplication:
    ini = find_ini(role, instance.config)
    key = f"{id(instance):x}"
    _instances[key] = instance
    try:
        app: WSGIApplication = loadapp(f"config:{ini}", name=name, global_conf={"instance": key})
        return app
    except LookupError as error:
        raise ConfigError(reason=f"{ini} has no pipeline '{name}' that can be loaded: {error}") from error
    finally:
        del _instances[key]


def _check_pipeline(app: Any) -> None:
    """Refuse a pipeline that would leave callers unknown or errors unsaid."""
    filters = []
    while app is not None:
        filters.append(app)
        app = getattr(app, "app", None) or getattr(app, "_app", None)
    if not isinstance(filters[0], CatchErrors):
        raise ConfigError(reason="The pipeline must begin with the filter catch_errors.")
    names = {type(one).__name__ for one in filters}
    if not any(getattr(one, "is_auth", False) for one in filters) and "AuthProtocol" not in names:
        raise ConfigError(reason="The pipeline has no auth filter: none_auth, file_auth, trusted_auth or authtoken.")
    if "Identity" not in names:
        raise ConfigError(reason="The pipeline lacks the filter identity, behind its auth filter.")


def _instance(global_conf: Knobs) -> Instance:
    """The instance being loaded; one from `config_file` and `data_dir` of the ini for who loads the ini directly."""
    found = _instances.get(global_conf.get("instance", ""))
    if found is None:
        file, data_dir = global_conf.get("config_file"), global_conf.get("data_dir")
        name = f"{file}\0{data_dir}"
        if name not in _instances:
            overrides = {("DEFAULT", "data_dir"): data_dir} if data_dir else None
            path = Path(file) if file else configuration.find_file(os.environ)
            _instances[name] = Instance(configuration.load(path, os.environ, overrides))
        found = _instances[name]
    return found


def api_app_factory(global_conf: Knobs, **knobs: str) -> WSGIApplication:
    """`use = egg:glancelite#api`"""
    from .api.app import make_api

    app: WSGIApplication = make_api(_instance(global_conf).services)
    return app


def registry_app_factory(global_conf: Knobs, **knobs: str) -> WSGIApplication:
    """`use = egg:glancelite#registry`"""
    from .registry.app import make_registry_app

    instance = _instance(global_conf)
    app: WSGIApplication = make_registry_app(instance.registry, instance.key)
    return app


def healthcheck_filter_factory(global_conf: Knobs, **knobs: str) -> Callable[[WSGIApplication], Healthcheck]:
    """`use = egg:glancelite#healthcheck`: asks the registry and, where there are stores, each of them."""
    instance = _instance(global_conf)

    def check() -> dict[str, str | None]:
        if knobs_role == "registry":
            return {"database": _sentence(instance.registry.show_status)}
        return {
            "registry": _sentence(instance.services.registry.show_status),
            **{f"store {store.id}": store.check().reason for store in instance.services.stores},
        }

    knobs_role = knobs.get("role", "api")
    rest = {name: value for name, value in knobs.items() if name != "role"}
    return lambda app: Healthcheck(app, check=check, **rest)


def _sentence(ask: Callable[[], Any]) -> str | None:
    try:
        status = ask()
    except GlanceliteError as error:
        return str(error)
    return None if status.is_current else f"the schema is at {status.schema or 'nothing'}: run glancelite db upgrade"


def version_negotiation_filter_factory(
    global_conf: Knobs, **knobs: str
) -> Callable[[WSGIApplication], VersionNegotiation]:
    """`use = egg:glancelite#version_negotiation`"""
    endpoint = _instance(global_conf).config["public_endpoint"]
    accepted = versions.accepted(multi_store=False, cache=False)
    return lambda app: VersionNegotiation(app, versions=accepted, public_endpoint=endpoint, **knobs)


def file_auth_filter_factory(global_conf: Knobs, **knobs: str) -> Callable[[WSGIApplication], FileAuth]:
    """`use = egg:glancelite#file_auth`: the users file of the data directory."""
    users = open_users(_instance(global_conf).config)
    return lambda app: FileAuth(app, users=users, **knobs)


def open_users(config: Config) -> UsersFile:
    """The users file of the built-in identity."""
    return UsersFile(config.data_dir / "users.json")
