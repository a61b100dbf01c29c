"""From Glance's configuration to ours: what is taken, what has no counterpart, what somebody has to decide.

The tables say what becomes of an option; most options have the same name and meaning in both and need no row.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from glancelite.config import OPTIONS, Key, Option, check_value
from glancelite.errors import ConfigError

from .oslo_ini import Unresolved, resolve
from .sample import sections

DRIVERS = {"file": "file", "filesystem": "file", "http": "http", "https": "http"}
"""Glance's drivers that we have, and our names of them."""
METHODS = ("glance-direct", "web-download", "copy-image", "glance-download")
STAGING = ("os_glance_staging_store", "os_glance_tasks_store")

RENAMED: Mapping[Key, Key] = {
    ("DEFAULT", "sql_connection"): ("database", "connection"),
    ("DATABASE", "sql_connection"): ("database", "connection"),
    ("sql", "connection"): ("database", "connection"),
    ("DEFAULT", "policy_file"): ("oslo_policy", "policy_file"),
    ("DEFAULT", "policy_dirs"): ("oslo_policy", "policy_dirs"),
    ("DEFAULT", "disk_formats"): ("image_format", "disk_formats"),
    ("DEFAULT", "container_formats"): ("image_format", "container_formats"),
    ("DEFAULT", "task_time_to_live"): ("task", "task_time_to_live"),
    ("DEFAULT", "stores"): ("glance_store", "stores"),
    ("DEFAULT", "known_stores"): ("glance_store", "stores"),
    ("DEFAULT", "default_store"): ("glance_store", "default_store"),
    ("DEFAULT", "filesystem_store_datadir"): ("glance_store", "filesystem_store_datadir"),
    ("DEFAULT", "filesystem_store_datadirs"): ("glance_store", "filesystem_store_datadirs"),
    ("keystone_authtoken", "auth_uri"): ("keystone_authtoken", "www_authenticate_uri"),
    ("keystone_authtoken", "auth_plugin"): ("keystone_authtoken", "auth_type"),
    ("keystone_authtoken", "admin_user"): ("keystone_authtoken", "username"),
    ("keystone_authtoken", "user_name"): ("keystone_authtoken", "username"),
    ("keystone_authtoken", "admin_password"): ("keystone_authtoken", "password"),
    ("keystone_authtoken", "admin_tenant_name"): ("keystone_authtoken", "project_name"),
    ("keystone_authtoken", "tenant_name"): ("keystone_authtoken", "project_name"),
    ("keystone_authtoken", "memcache_servers"): ("keystone_authtoken", "memcached_servers"),
    ("paste_deploy", "config_file"): ("paste_deploy", "config_file"),
}
"""Older names of options, and those they have now."""

NO_COUNTERPART: Mapping[str, str] = {
    "image_cache_": "images are not cached on the node",
    "digest_algorithm": "signatures are not made",
    "metadata_encryption_key": "locations are not encrypted in the database",
    "default_publisher_id": "no notifications are sent",
    "disabled_notifications": "no notifications are sent",
    "transport_url": "no notifications are sent",
    "worker_self_reference_url": "nodes share one staging directory and need not find each other",
    "scrub_pool_size": "one thread a node deletes",
    "task_executor": "tasks have one executor, in the service",
    "work_dir": "tasks work in the staging directory",
    "metadata_source_path": "metadata definitions are not loaded from files",
    "log_": "everything is logged to standard error",
    "logging_": "everything is logged to standard error",
    "debug": "everything is logged to standard error",
    "verbose": "everything is logged to standard error",
    "use_": "everything is logged to standard error",
    "syslog_": "everything is logged to standard error",
    "default_log_levels": "everything is logged to standard error",
    "registry_": "the registry's place is [registry] location, in this process unless said",
    "max_header_line": "the server has limits of its own",
    "backlog": "the server has limits of its own",
    "tcp_keepidle": "the server has limits of its own",
}
"""Options of section DEFAULT, or what their names begin with, and why there is nothing to set."""

NO_SECTION: Mapping[str, str] = {
    "oslo_messaging_": "no notifications are sent",
    "profiler": "there is no profiler",
    "oslo_concurrency": "locks are the database's",
    "oslo_reports": "there are no such reports",
    "healthcheck": "knobs of the filter healthcheck in api-paste.ini do this",
    "taskflow_executor": "tasks have one executor; [task] max_workers says how many run at a time",
    "wsgi": "[server] threads and [task] max_workers do this",
    "keystone_authtoken": "a knob of [filter:keystone_auth] in a copy of api-paste.ini can be it",
    "backend_defaults": "each store says its own options",
    "cinder": "there is no store of this kind",
    "vmware": "there is no store of this kind",
}
"""Sections, or what their names begin with, and why there is nothing to set."""

_DATA = (
    "data cannot be taken over by pointing to it. The directory of Glance's file store has a file an image, named by "
    "the image's id; here a file is named by a key that the registry gave it, and only what the registry knows is an "
    "image. A directory of Glance's would be served as empty, and `fsck --delete-orphans` would delete what is in it. "
    "Leave it to Glance, let this service have a directory of its own, and bring images over with `glancelite image "
    "save` and `image create --id`"
)
_DATABASE = (
    "it is Glance's own database, whose tables are not ours: give this service another one (empty: SQLite in "
    "data_dir). What Glance knows of images is not taken over"
)
_TLS = "the server does not speak TLS itself: let a web server in front do it (and name it in public_endpoint)"


@dataclass
class Translation:
    """What became of a configuration. `values` are texts of our options."""

    given: dict[Key, list[str]]
    folder: Path
    options: dict[Key, Option]
    values: dict[Key, str] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)

    def take(self, key: Key, value: str, source: str = "") -> None:
        """Set an option of ours, unless it does not take the value."""
        try:
            check_value(self.options[key], value)
        except ConfigError as error:
            self.decide(key, str(error))
            return
        self.values[key] = value
        self.taken.append(f"{_spell(key)}{source}")

    def drop(self, key: Key, why: str) -> None:
        self.dropped.append(f"{_spell(key)}: {why}")

    def decide(self, key: Key, what: str) -> None:
        self.decisions.append(f"{_spell(key)}: {what}")


def _spell(key: Key) -> str:
    return f"[{key[0]}] {key[1]}"


def translate(
    given: dict[Key, list[str]], folder: Path, more_options: Callable[[tuple[str, ...]], Iterable[Option]]
) -> Translation:
    """Our options from Glance's. Relative paths are Glance's: as seen from `folder`, where its files are."""
    stores = _choose_stores(given)
    options = {option.key: option for option in (*OPTIONS, *more_options(tuple(f"{a}:{b}" for a, b in stores.items())))}
    result = Translation(given, folder, options)
    _set_stores(result, stores)
    for key, values in given.items():
        target = RENAMED.get(key, key)
        if target != key and target in given:
            result.drop(key, f"an older name of {_spell(target)}, which is set too")
            continue
        try:
            resolved = [resolve(value, key[0], given) for value in values]
        except Unresolved:  # of what it is nothing is said: it may be a password with a $ in it
            result.decide(key, "it refers by $NAME to an option that the files do not set ($$ would be a mere $)")
            continue
        _place(result, key, target, resolved)
    _finish(result)
    return result


def _place(result: Translation, key: Key, target: Key, values: list[str]) -> None:
    """Put one option where it belongs."""
    special = _SPECIAL.get(target) or _SPECIAL_NAMES.get(target[1])
    if special is not None:
        special(result, target, values)
    elif target in result.options:
        joined = ",".join(values) if result.options[target].type == "list" else values[-1]
        result.take(target, joined.replace("\n", " "), "" if key == target else f" (was {_spell(key)})")
    else:
        result.drop(key, _reason(key, result.given))


def _reason(key: Key, given: Mapping[Key, list[str]]) -> str:
    section, name = key
    tables = (NO_COUNTERPART, name) if section == "DEFAULT" else (NO_SECTION, section)
    for start, reason in tables[0].items():
        if tables[1] == start or (start.endswith("_") and tables[1].startswith(start)):
            return reason
    if section in _items(given.get(("DEFAULT", "enabled_backends"), [""])[-1], ids=True):
        return "the driver of this store has no such option here, or is not there"
    return "there is no such option here"


def _items(text: str, *, ids: bool = False) -> list[str]:
    words = [item.strip() for item in text.strip().removeprefix("[").removesuffix("]").split(",") if item.strip()]
    return [word.partition(":")[0].strip() for word in words] if ids else words


# Stores ---------------------------------------------------------------------------------------------------------------


def _choose_stores(given: Mapping[Key, list[str]]) -> dict[str, str]:
    """Ids and drivers of the enabled stores that there can be here; none where no file store is among them."""
    found: dict[str, str] = {}
    for entry in _items(given.get(("DEFAULT", "enabled_backends"), [""])[-1]):
        store, _, driver = (part.strip() for part in entry.partition(":"))
        if driver in DRIVERS:
            found[store] = DRIVERS[driver]
    return found if "file" in found.values() else {}


def _set_stores(result: Translation, stores: Mapping[str, str]) -> None:
    for entry in _items(result.given.get(("DEFAULT", "enabled_backends"), [""])[-1]):
        store, _, driver = (part.strip() for part in entry.partition(":"))
        if store not in stores:
            key = ("DEFAULT", "enabled_backends")
            result.decide(
                key, f"store '{store}' is left out: there is no driver '{driver}' here, or no store to write to"
            )
    if not stores:
        return
    result.take(("DEFAULT", "enabled_backends"), ",".join(f"{store}:{driver}" for store, driver in stores.items()))
    wanted = result.given.get(("glance_store", "default_backend"), [""])[-1].strip()
    default = wanted if stores.get(wanted) == "file" else next(s for s, d in stores.items() if d == "file")
    result.take(("glance_store", "default_backend"), default)
    if default != wanted:
        result.decide(
            ("glance_store", "default_backend"), f"it was '{wanted}'; now it is '{default}', the first that takes"
        )


def _set_default_store(result: Translation, key: Key, values: list[str]) -> None:
    driver = DRIVERS.get(values[-1].strip())
    if driver == "file":
        result.take(key, "file")
    else:
        result.decide(key, f"there is no driver '{values[-1]}' that takes images here; it is a file store now")


def _set_drivers(result: Translation, key: Key, values: list[str]) -> None:
    named = _items(values[-1])
    known = list(dict.fromkeys(DRIVERS[name] for name in named if name in DRIVERS))
    if known:
        result.take(key, ",".join(known))
    if others := [name for name in named if name not in DRIVERS]:
        result.decide(key, f"there are no drivers {', '.join(others)} here")


def _keep_off(result: Translation, key: Key, values: list[str]) -> None:
    if key[0] in STAGING:
        result.drop(key, "staging gets a directory of its own; what waits there for Glance is not taken over")
    else:
        result.decide(key, f"{values[-1]}: {_DATA}")


# Others ---------------------------------------------------------------------------------------------------------------


def _set_flavor(result: Translation, key: Key, values: list[str]) -> None:
    parts = values[-1].strip().split("+")
    for part in parts[1:]:
        result.drop(key, f"'{part}': images are not cached on the node")
    if parts[0] == "keystone":
        result.take(key, "keystone")
    elif parts[0] in ("", "caching", "cachemanagement", "trusted-auth"):
        result.decide(
            key, f"Glance's '{values[-1]}' believes everybody; here that is `none`, on loopback only unless told"
        )
    else:
        result.decide(key, f"'{values[-1]}' is none of none, file, trusted and keystone; it is none now")


def _set_bind(result: Translation, key: Key, values: list[str]) -> None:
    host = result.given.get(("DEFAULT", "bind_host"), ["0.0.0.0"])[-1].strip()  # noqa: S104 - Glance's default
    port = result.given.get(("DEFAULT", "bind_port"), ["9292"])[-1].strip()
    if ("server", "bind") not in result.values:
        result.take(
            ("server", "bind"), f"[{host}]:{port}" if ":" in host else f"{host}:{port}", f" (was {_spell(key)})"
        )


def _set_workers(result: Translation, key: Key, values: list[str]) -> None:
    if values[-1].strip() == "0":
        result.drop(key, "0 is no number of processes; one process works on several processors")
    else:
        result.take(("server", "workers"), values[-1], f" (was {_spell(key)})")


def _filtered(known: Iterable[str]) -> Callable[[Translation, Key, list[str]], None]:
    names = tuple(known)

    def take(result: Translation, key: Key, values: list[str]) -> None:
        wanted = _items(values[-1])
        result.take(key, ",".join(one for one in wanted if one in names) or "[]")
        if others := [one for one in wanted if one not in names]:
            result.decide(key, f"there is no {', '.join(others)} here; there are {', '.join(names)}")

    return take


def _plugins(result: Translation, key: Key, values: list[str]) -> None:
    from glancelite.tasks.plugins import PLUGINS

    _filtered(PLUGINS)(result, key, values)


def _take_file(result: Translation, key: Key, values: list[str]) -> None:
    paths = [str(result.folder / value.strip()) for value in values if value.strip()]
    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        result.decide(key, f"{', '.join(missing)} is not there")
    elif paths:
        result.take(key, ",".join(paths))


def _knob(filter_name: str) -> Callable[[Translation, Key, list[str]], None]:
    def tell(result: Translation, key: Key, values: list[str]) -> None:
        if values[-1].strip().lower() in ("", "false", "0", "no", "off"):
            return
        place = "a copy of api-paste.ini, named in [paste_deploy] config_file"
        result.decide(key, f"set it in [filter:{filter_name}] of {place}")

    return tell


def _set_domain(result: Translation, key: Key, values: list[str]) -> None:
    """Keystone's first domain has the id `default` and the name `Default`."""
    name = (key[0], key[1].removesuffix("_id") + "_name")
    if values[-1].strip() == "default":
        result.take(name, "Default", f" (was {_spell(key)})")
    else:
        result.decide(key, f"only names of domains are options here: set {_spell(name)}")


def _say(what: str) -> Callable[[Translation, Key, list[str]], None]:
    return lambda result, key, values: result.decide(key, what)


_SPECIAL: Mapping[Key, Callable[[Translation, Key, list[str]], None]] = {
    ("DEFAULT", "enabled_backends"): lambda result, key, values: None,  # said by _set_stores
    ("glance_store", "default_backend"): lambda result, key, values: None,
    ("glance_store", "default_store"): _set_default_store,
    ("glance_store", "stores"): _set_drivers,
    ("database", "connection"): _say(_DATABASE),
    ("paste_deploy", "flavor"): _set_flavor,
    ("paste_deploy", "config_file"): _say("Glance's pipelines are not ours; knobs go into a copy of our api-paste.ini"),
    ("DEFAULT", "bind_host"): _set_bind,
    ("DEFAULT", "bind_port"): _set_bind,
    ("DEFAULT", "workers"): _set_workers,
    ("DEFAULT", "cert_file"): _say(_TLS),
    ("DEFAULT", "key_file"): _say(_TLS),
    ("DEFAULT", "ca_file"): _say(_TLS),
    ("ssl", "cert_file"): _say(_TLS),
    ("ssl", "key_file"): _say(_TLS),
    ("DEFAULT", "allow_anonymous_access"): _knob("identity"),
    ("DEFAULT", "node_staging_uri"): _keep_off,
    ("DEFAULT", "enabled_import_methods"): _filtered(METHODS),
    ("DEFAULT", "property_protection_file"): _take_file,
    ("image_import_opts", "image_import_plugins"): _plugins,
    ("oslo_policy", "policy_file"): _take_file,
    ("oslo_policy", "policy_dirs"): _take_file,
    ("oslo_middleware", "enable_proxy_headers_parsing"): _knob("proxy_headers"),
    ("cors", "allowed_origin"): _knob("cors"),
    ("cors", "allow_credentials"): _knob("cors"),
    ("cors", "allow_headers"): _knob("cors"),
    ("cors", "allow_methods"): _knob("cors"),
    ("cors", "expose_headers"): _knob("cors"),
    ("cors", "max_age"): _knob("cors"),
    ("keystone_authtoken", "auth_section"): _say("write the options of that section into [keystone_authtoken]"),
}

_LOGIN = "how the service logs in: make it a knob of [filter:keystone_auth] in a copy of api-paste.ini"

_SPECIAL_NAMES: Mapping[str, Callable[[Translation, Key, list[str]], None]] = {
    "user_domain_id": _set_domain,
    "project_domain_id": _set_domain,
    "application_credential_id": _say(_LOGIN),
    "application_credential_name": _say(_LOGIN),
    "application_credential_secret": _say(_LOGIN),
    "certfile": _say(_LOGIN),
    "keyfile": _say(_LOGIN),
    "user_id": _say(_LOGIN),
    "project_id": _say(_LOGIN),
    "filesystem_store_datadir": _keep_off,
    "filesystem_store_datadirs": _keep_off,
}
"""Options of whichever section."""


def _finish(result: Translation) -> None:
    """What follows from what is not there."""
    for name, file in (("policy_file", "policy.yaml"), ("policy_dirs", "policy.d")):
        keys = (("oslo_policy", name), ("DEFAULT", name))
        if not any(key in result.given for key in keys) and (result.folder / file).exists():
            result.take(keys[0], str(result.folder / file), " (Glance reads it unasked)")
    if ("paste_deploy", "flavor") not in result.given:
        _set_flavor(result, ("paste_deploy", "flavor"), [""])


def compose(result: Translation, head: Iterable[str]) -> str:
    """The configuration file, what is to be decided in comments above it."""
    lines = [f"# {line}" for line in head]
    for decision in result.decisions:
        lines += ["#", *(f"# DECIDE {line}" for line in decision.splitlines())]
    for name, members in sections(result.options.values()).items():
        written = [option for option in members if option.key in result.values]
        if written:
            lines += ["", f"[{name}]", *(f"{one.name} = {result.values[one.key]}" for one in written)]
    return "\n".join(lines) + "\n"
