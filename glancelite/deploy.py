"""The composition root: a Config becomes services, services become apps, paste puts the pipeline in front of them.

Everything that runs glancelite comes through here: the command line, the .wsgi files, tests, and whoever loads the
paste ini by themselves (the paste factories below).
"""

import atexit
import gc
import hashlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

from paste.deploy import loadapp, loadwsgi

from . import config as configuration
from . import fetch
from .config import Config, Option
from .domain import policy, protections, schemas, versions
from .domain.ports import KeyManager, Limits, Registry
from .domain.validate import Validator
from .errors import ConfigError, GlanceliteError
from .middleware.catch_errors import CatchErrors
from .middleware.file_auth import FileAuth
from .middleware.healthcheck import Healthcheck
from .middleware.version_negotiation import VersionNegotiation
from .registry.key import registry_key
from .registry.local import LocalRegistry, open_registry
from .stores import open_stores, store_options
from .tasks.plugins import open_plugins, plugin_options
from .tasks.work import Workers
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
    workers: Workers | None = None
    stores: Stores | None = None

    def start(self) -> None:
        if self.stores is not None:
            self.stores.attach(self.registry)
        if self.housekeeping is not None:
            self.housekeeping.start()
        if self.workers is not None:
            self.workers.start()
            _load_later("glancelite.formats")

    def stop(self) -> None:
        if self.workers is not None:
            self.workers.stop()
        if self.housekeeping is not None:
            self.housekeeping.stop()
        self.registry.close()


def _load_later(module: str) -> None:
    """What is not needed for the first answers is loaded when they have gone out, or when somebody needs it."""
    timer = threading.Timer(1.0, import_module, (module,))
    timer.daemon = True
    timer.start()


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


def load_config(
    file: Path | None, environ: Mapping[str, str], overrides: Mapping[configuration.Key, Any] | None = None
) -> Config:
    """The configuration from file (the usual one where none is named), environment and overrides."""
    path = file or configuration.find_file(environ)
    return configuration.load(path, environ, overrides, more_options)


def more_options(enabled: Iterable[str] = ()) -> tuple[Option, ...]:
    """The options beside those of config.py: of fetching, of stores, and of each store that is enabled."""
    return (*store_options(enabled), *fetch.OPTIONS, *plugin_options())


def load_api(config: Config) -> Application:
    """The API behind its pipeline. With the registry in this process, its database is brought up to date first."""
    instance = Instance(config)
    services = instance.services
    if isinstance(services.registry, LocalRegistry):
        services.registry.upgrade()
    app = _load_pipeline("api", config["paste_deploy.flavor"], instance)
    _check_pipeline(app)
    services.registry.close()  # no connection may cross the fork
    workers = Workers(services, open_plugins(config))
    return Application(app, services.registry, Housekeeping(services), workers, services.stores)


def load_registry(config: Config) -> Application:
    """The registry daemon behind its pipeline, its database brought up to date."""
    instance = Instance(config)
    instance.registry.upgrade()
    app = _load_pipeline("registry", "main", instance)
    instance.registry.close()
    return Application(app, instance.registry)


def load_wsgi(role: str) -> WSGIApplication:
    """For mod_wsgi and its like: the app of this process, configured by environment and file, started."""
    config = load_config(None, os.environ)
    application = load_api(config) if role == "api" else load_registry(config)
    start_logging()
    application.start()
    # What is loaded by now stays: the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    atexit.register(application.stop)
    return application.app


def start_logging(level: int = logging.INFO) -> None:
    """Requests and what goes wrong, to standard error."""
    # Nobody is told where in the code a line was written, nor by which thread: it is not looked for.
    logging._srcfile = None  # as "Optimization" in Python's logging how-to has it
    logging.logThreads = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=level)


class _Formatter(logging.Formatter):
    """As Python's, which writes the date anew for each line: once a second is enough."""

    def __init__(self, form: str) -> None:
        super().__init__(form)
        self._known: tuple[int, str] = (-1, "")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        second = int(record.created)
        known, text = self._known
        if known != second:
            text = time.strftime(self.default_time_format, self.converter(second))
            self._known = second, text
        return f"{text},{int(record.msecs):03d}"


def build_services(config: Config) -> Services:
    """Everything the use-cases need; nothing is opened or asked yet."""
    _check_sendfile(config["sendfile_header"])
    image = _image_schema(config)
    rules = open_policy(config)
    return Services(
        config=config,
        registry=_open_registry(config),
        stores=open_stores(config),
        policy=rules,
        protections=_read_protections(config, rules),
        schemas={
            "image": image,
            "images": schemas.images_schema(image),
            "member": schemas.member_schema(),
            "members": schemas.members_schema(),
            "task": schemas.task_schema(),
            "tasks": schemas.tasks_schema(),
        },
        validator=_validator(image),
        limits=_open_limits(config),
        keys=_open_keys(config),
        hash_digits=_hash_digits(config["hashing_algorithm"]),
        nullable=schemas.nullable_properties(image),
    )


def _check_sendfile(header: str) -> None:
    if header.lower() not in ("", "x-accel-redirect", "x-sendfile"):
        raise ConfigError(reason=f"sendfile_header is '{header}'; it must be X-Accel-Redirect or X-Sendfile, or empty.")


def _hash_digits(algorithm: str) -> int:
    """Digits of a hash; ConfigError for an algorithm that cannot be used everywhere or has no fixed length."""
    if algorithm not in hashlib.algorithms_guaranteed or not hashlib.new(algorithm).digest_size:
        names = ", ".join(sorted(name for name in hashlib.algorithms_guaranteed if hashlib.new(name).digest_size))
        raise ConfigError(reason=f"hashing_algorithm is '{algorithm}'; it must be one of {names}.")
    return hashlib.new(algorithm).digest_size * 2


def _image_schema(config: Config) -> schemas.Schema:
    formats = config["image_format.disk_formats"], config["image_format.container_formats"]
    file = config["image_schema_file"]
    if not file:
        return schemas.image_schema(*formats)
    try:
        return schemas.image_schema(*formats, *schemas.parse_image_properties(json.loads(_read(file))))
    except ValueError as error:
        raise ConfigError(reason=f"The image schema file {file} is not understood: {error}.") from error


def _validator(image: schemas.Schema) -> Validator:
    try:
        return Validator("image", schemas.body_schema(image))
    except Exception as error:  # whatever the operator's schemas made the compiler stumble over
        raise ConfigError(reason=f"The image schema cannot be used: {error}") from error


def open_policy(config: Config) -> policy.Policy:
    """The rules in force."""
    written = {name: text for name, (text, _) in read_policies(config).items()}
    return policy.Policy(written, only_new=config["oslo_policy.enforce_new_defaults"])


def read_policies(config: Config) -> dict[str, tuple[str, str]]:
    """Rules by name, each with its file, from the policy file and those of the policy directories; of two the later
    counts."""
    file = config["oslo_policy.policy_file"]
    files = [file] if file else []
    for folder in config["oslo_policy.policy_dirs"]:
        try:
            names = sorted(path.name for path in Path(folder).iterdir())
        except OSError as error:
            raise ConfigError(reason=f"The policy directory {folder} cannot be read: {error}.") from error
        files += [str(Path(folder) / name) for name in names if Path(name).suffix in (".yaml", ".yml", ".json")]
    return {name: (text, found) for found in files for name, text in _read_policy(found).items()}


def _read_policy(file: str) -> dict[str, str]:
    """Rules by name from one file; ConfigError when it is none."""
    import yaml  # most have no such file

    try:
        found = yaml.safe_load(_read(file)) or {}
    except yaml.YAMLError as error:
        raise ConfigError(reason=f"The policy file {file} is not understood: {error}.") from error
    if not isinstance(found, dict) or not all(isinstance(text, str) for pair in found.items() for text in pair):
        raise ConfigError(reason=f"The policy file {file} must be a mapping from the names of rules to rules.")
    return found


def _read_protections(config: Config, rules: policy.Policy) -> protections.Protections:
    file = config["property_protection_file"]
    if not file:
        return protections.Protections()
    return protections.parse_protections(_read(file), config["property_protection_rule_format"], rules)


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(reason=f"The file {file} cannot be read: {error}.") from error


def _open_registry(config: Config) -> Registry:
    if config["registry.location"] == "local":
        return open_registry(config)
    from .registry.remote import connect_registry  # the HTTP client is not needed otherwise

    registry: Registry = connect_registry(config)
    return registry


def _open_limits(config: Config) -> Limits | None:
    if not config["use_keystone_limits"]:
        return None
    try:
        from .limits import SECTION, KeystoneLimits  # its libraries are heavy, and an extra
    except ImportError as error:
        reason = f"use_keystone_limits needs {error.name}: install it with pip install 'glancelite[keystone]'."
        raise ConfigError(reason=reason) from error
    return KeystoneLimits({"auth_url": config["keystone_authtoken.auth_url"]} | config.section(SECTION))


def _open_keys(config: Config) -> KeyManager | None:
    backend = config["key_manager.backend"]
    if not backend:
        return None
    if backend != "barbican":
        raise ConfigError(reason=f"[key_manager] backend is '{backend}'; it must be barbican, or empty.")
    try:
        from .signatures import Castellan  # its libraries are heavy, and an extra
    except ImportError as error:
        reason = f"[key_manager] backend needs {error.name}: install it with pip install 'glancelite[signatures]'."
        raise ConfigError(reason=reason) from error
    return Castellan(config.section("barbican"), config["keystone_authtoken.auth_url"])


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


def check_pipeline(config: Config) -> Path:
    """The API's ini, whose pipeline and all its filters are found; ConfigError otherwise. None of them is made."""
    ini, flavor = find_ini("api", config), config["paste_deploy.flavor"]
    try:
        loadwsgi.loadcontext(loadwsgi.APP, f"config:{ini}", name=flavor)
    except Exception as error:  # whatever stumbles over what was written into it
        raise ConfigError(reason=f"{ini} has no pipeline '{flavor}' that can be loaded: {error}") from error
    return ini


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
        known = "keystone_auth, file_auth, trusted_auth or none_auth"
        raise ConfigError(reason=f"The pipeline has no auth filter: {known}.")
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
            _instances[name] = Instance(load_config(Path(file) if file else None, os.environ, overrides))
        found = _instances[name]
    return found


def api_app_factory(global_conf: Knobs, **knobs: str) -> WSGIApplication:
    """`use = egg:glancelite#api`"""
    from .api.app import make_api

    app: WSGIApplication = make_api(_instance(global_conf).services)
    return app


def registry_app_factory(global_conf: Knobs, **knobs: str) -> WSGIApplication:
    """`use = egg:glancelite#registry`"""
    from .registry.app import RegistryApp

    instance = _instance(global_conf)
    return RegistryApp(instance.registry, instance.key)


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
    config = _instance(global_conf).config
    endpoint = config["public_endpoint"]
    accepted = versions.accepted(multi_store=bool(config["enabled_backends"]), cache=False)
    return lambda app: VersionNegotiation(app, versions=accepted, public_endpoint=endpoint, **knobs)


def file_auth_filter_factory(global_conf: Knobs, **knobs: str) -> Callable[[WSGIApplication], FileAuth]:
    """`use = egg:glancelite#file_auth`: the users file of the data directory."""
    users = open_users(_instance(global_conf).config)
    return lambda app: FileAuth(app, users=users, **knobs)


def keystone_auth_filter_factory(global_conf: Knobs, **knobs: str) -> Callable[[WSGIApplication], WSGIApplication]:
    """`use = egg:glancelite#keystone_auth`: knobs of the ini stand in for what [keystone_authtoken] leaves open."""
    try:
        from .middleware.keystone_auth import SECTION, KeystoneAuth  # its libraries are heavy, and an extra
    except ImportError as error:
        reason = f"Authentication by Keystone needs {error.name}: install it with pip install 'glancelite[keystone]'."
        raise ConfigError(reason=reason) from error
    config = _instance(global_conf).config
    merged: dict[str, Any] = config.section(SECTION) | knobs | config.section(SECTION, given=True)
    return lambda app: KeystoneAuth(app, **merged)


def open_users(config: Config) -> UsersFile:
    """The users file of the built-in identity."""
    return UsersFile(config.data_dir / "users.json")
