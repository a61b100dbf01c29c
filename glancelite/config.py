"""Every option of the service: its section, name, type, default and help; and how their values are found.

Where a value comes from, later wins: the option's default, the configuration file, the environment
(`GLANCELITE_<SECTION>_<NAME>`, upper case; `GLANCELITE_<NAME>` for section DEFAULT), an override given by the command
line. The pipeline and its filters' knobs live in the paste ini, not here. Stores and import methods will add their own
options of the same type.
"""

import configparser
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .errors import ConfigError

Key = tuple[str, str]
"""Section and name of an option."""

OTHER_VARIABLES = (
    "GLANCELITE_CONFIG", "GLANCELITE_DEBUG", "GLANCELITE_TIMEOUT", "GLANCELITE_RETRIES", "GLANCELITE_PROGRESS",
)  # fmt: skip
"""Variables that are no options of the service: where its file is, and how the command line behaves."""


@dataclass(frozen=True)
class Option:
    """One option. `type` is one of str, int, float, bool, bytes, path, list (comma separated, brackets allowed)."""

    section: str
    name: str
    type: str
    default: Any
    help: str
    secret: bool = False
    minimum: int | float | None = None

    @property
    def key(self) -> Key:
        return self.section, self.name

    @property
    def variable(self) -> str:
        """The environment variable that sets this option."""
        middle = "" if self.section == "DEFAULT" else f"{self.section.upper()}_"
        return f"GLANCELITE_{middle}{self.name.upper()}"


SYSTEM_FILE = Path("/etc/glancelite/glancelite.conf")

DISK_FORMATS = "ami,ari,aki,vhd,vhdx,vmdk,raw,qcow2,vdi,iso,ploop"
CONTAINER_FORMATS = "ami,ari,aki,bare,ovf,ova,docker,compressed"

OPTIONS: tuple[Option, ...] = (
    Option("DEFAULT", "data_dir", "path", "", "Where everything lives that has no place of its own configured: the "
           "SQLite database, the images, the users file and the registry key. Empty: $XDG_DATA_HOME/glancelite."),
    Option("DEFAULT", "public_endpoint", "str", "", "URL prefix that the version document names, where it differs "
           "from the one the client asked."),
    Option("DEFAULT", "hashing_algorithm", "str", "sha512", "Algorithm of os_hash_value: any that hashlib always has."),
    Option("DEFAULT", "legacy_checksum", "bool", True, "Also compute checksum, an MD5, which old clients compare. "
           "Without it, an upload costs a third less."),
    Option("DEFAULT", "sendfile_header", "str", "", "Header by which the web server in front is told to send an "
           "image from its file: X-Accel-Redirect (nginx) or X-Sendfile (Apache, lighttpd). Only where one is there."),
    Option("DEFAULT", "sendfile_prefix", "str", "/handed-off", "What X-Accel-Redirect names: this, followed by the "
           "path of the file."),
    Option("DEFAULT", "image_size_cap", "int", 1 << 40, "Largest image, in bytes.", minimum=1),
    Option("DEFAULT", "image_property_quota", "int", 128, "Most properties of one image; negative: no limit."),
    Option("DEFAULT", "image_member_quota", "int", 128, "Most members of one image; negative: no limit."),
    Option("DEFAULT", "image_tag_quota", "int", 128, "Most tags of one image; negative: no limit."),
    Option("DEFAULT", "image_location_quota", "int", 10, "Most locations of one image; negative: no limit."),
    Option("DEFAULT", "limit_param_default", "int", 25, "Images on a page when the request names no limit.", minimum=1),
    Option("DEFAULT", "api_limit_max", "int", 1000, "Most images on a page, whatever the request asks for.", minimum=1),
    Option("DEFAULT", "user_storage_quota", "bytes", "0", "Most bytes a project's images may take: a number, with a "
           "unit B, KB, MB, GB or TB if you like; 0 or negative: no limit."),
    Option("DEFAULT", "show_image_direct_url", "bool", False, "Show the first location of an image as direct_url."),
    Option("DEFAULT", "show_multiple_locations", "bool", False, "Show the locations of images, and let their owners "
           "change them by PATCH."),
    Option("DEFAULT", "delayed_delete", "bool", False, "Keep the data of a deleted image for scrub_time seconds."),
    Option("DEFAULT", "scrub_time", "int", 0, "Seconds that the data of a deleted image is kept with delayed_delete.",
           minimum=0),
    Option("DEFAULT", "enabled_import_methods", "list", "glance-direct,web-download,copy-image", "Ways to import image "
           "data: glance-direct, web-download, copy-image, glance-download. [] for none."),
    Option("DEFAULT", "do_secure_hash", "bool", True, "Read the data of locations entered by the locations API, for "
           "its hash."),
    Option("DEFAULT", "http_retries", "int", 3, "How often a location whose data is read for its hash is tried again.",
           minimum=0),
    Option("task", "max_workers", "int", 2, "Most tasks that one process works on at a time.", minimum=1),
    Option("task", "task_time_to_live", "int", 48, "Hours that a task is remembered after its end.", minimum=1),
    Option("image_import_opts", "max_parallel_stores", "int", 1, "How many stores an import is copied to at a time.",
           minimum=1),
    Option("glance_download_properties", "extra_properties", "list",
           "hw_,trait:,os_distro,os_secure_boot,os_type", "What the names of those properties begin with that "
           "glance-download brings along."),
    Option("image_format", "disk_formats", "list", DISK_FORMATS, "Values that disk_format may have."),
    Option("image_format", "container_formats", "list", CONTAINER_FORMATS, "Values that container_format may have."),
    Option("image_format", "require_image_format_match", "bool", True, "Refuse data of a bare image that is not in "
           "the declared disk_format."),
    Option("database", "connection", "str", "", "URL of the registry's database: sqlite:///PATH, "
           "postgresql://USER:PASSWORD@HOST/NAME or mysql://…. Empty: a SQLite file in data_dir.", secret=True),
    Option("database", "max_connections", "int", 32, "Most database connections of one process.", minimum=1),
    Option("registry", "location", "str", "local", "Where the registry is: `local` (in this process), or the URL of a "
           "registry daemon, http://HOST:9191."),
    Option("registry", "key", "str", "", "Secret that API and registry daemon share. Empty: a key file in data_dir, "
           "made with mode 0600 when it is first needed.", secret=True),
    Option("registry", "lease_seconds", "float", 30.0, "How long a process that does not answer is believed alive; its "
           "unfinished uploads are cleared after that.", minimum=0.2),
    Option("registry", "timeout", "float", 30.0, "Seconds to wait for an answer of the registry daemon.", minimum=0.1),
    Option("registry", "commit_patience", "float", 30.0, "Seconds an upload keeps asking for the outcome of its commit "
           "when the registry stops answering in the middle of it.", minimum=0),
    Option("DEFAULT", "enabled_backends", "list", "", "Stores as ID:DRIVER, comma separated; each ID is a section with "
           "the store's options. Empty: one store, as [glance_store] says."),
    Option("glance_store", "default_backend", "str", "", "The store among enabled_backends that takes an image whose "
           "upload names none."),
    Option("glance_store", "stores", "list", "file,http", "Drivers of the only store's service: with http, images may "
           "also be located on the web."),
    Option("glance_store", "default_store", "str", "file", "Driver of the store that images go to: file or memory."),
    Option("glance_store", "filesystem_store_datadir", "path", "", "Directory of the file store. Empty: images in "
           "data_dir."),
    Option("DEFAULT", "image_schema_file", "path", "", "JSON file with the schemas of additional properties that have "
           "rules of their own. Empty: those that come with the service."),
    Option("DEFAULT", "property_protection_file", "path", "", "INI file that says who may create, read, update and "
           "delete which properties. Empty: no such limits."),
    Option("DEFAULT", "property_protection_rule_format", "str", "roles", "What that file's values are: roles or "
           "policies."),
    Option("oslo_policy", "policy_file", "path", "", "YAML file with rules that replace the defaults by name. Empty: "
           "the defaults."),
    Option("oslo_policy", "policy_dirs", "list", "", "Directories whose .yaml, .yml and .json files add rules or "
           "replace those of policy_file, in the order of their names."),
    Option("oslo_policy", "enforce_new_defaults", "bool", True, "Ask for the roles member and reader. Without, owning "
           "an image is enough to change it and seeing it enough to read it, as before there were these roles."),
    Option("oslo_policy", "enforce_scope", "bool", True, "Refuse tokens that are scoped to the system or to a domain, "
           "whatever their roles."),
    Option("DEFAULT", "use_keystone_limits", "bool", False, "Keep projects to the limits registered for them in "
           "Keystone."),
    Option("keystone_authtoken", "auth_url", "str", "", "Where Keystone is, for the keystone pipeline: "
           "https://HOST:5000/v3."),
    Option("keystone_authtoken", "www_authenticate_uri", "str", "", "Where clients are told to find Keystone. Empty: "
           "as auth_url."),
    Option("keystone_authtoken", "auth_type", "str", "password", "How this service logs in at Keystone."),
    Option("keystone_authtoken", "username", "str", "", "User that this service is at Keystone."),
    Option("keystone_authtoken", "password", "str", "", "Its password.", secret=True),
    Option("keystone_authtoken", "project_name", "str", "service", "Its project."),
    Option("keystone_authtoken", "user_domain_name", "str", "Default", "Its domain."),
    Option("keystone_authtoken", "project_domain_name", "str", "Default", "Its project's domain."),
    Option("keystone_authtoken", "region_name", "str", "", "Region of Keystone's catalog to find Keystone in."),
    Option("keystone_authtoken", "interface", "str", "", "Interface of the catalog to find Keystone by: public, "
           "internal or admin. Empty: internal."),
    Option("keystone_authtoken", "service_type", "str", "image", "What this service is called in Keystone's catalog "
           "and in the access rules of application credentials."),
    Option("keystone_authtoken", "service_token_roles", "list", "service", "Roles of which a service token needs one."),
    Option("keystone_authtoken", "service_token_roles_required", "bool", True, "Count a service token without any of "
           "those roles as none."),
    Option("keystone_authtoken", "cafile", "path", "", "Certificates to check Keystone's with. Empty: the system's."),
    Option("keystone_authtoken", "insecure", "bool", False, "Talk to Keystone without checking its certificate."),
    Option("keystone_authtoken", "memcached_servers", "list", "", "HOST:PORT of memcached servers that remember "
           "tokens. Empty: each process remembers its own."),
    Option("keystone_authtoken", "token_cache_time", "int", 300, "Seconds that a token found good is believed without "
           "asking again, so that one revoked works that long; 0: never.", minimum=0),
    Option("keystone_authtoken", "http_connect_timeout", "int", 10, "Seconds to wait for Keystone.", minimum=1),
    Option("keystone_authtoken", "http_request_max_retries", "int", 1, "How often a connection to Keystone is tried "
           "again.", minimum=0),
    Option("key_manager", "backend", "str", "", "What keeps the certificates that images are signed with: barbican. "
           "Empty: nothing, and the data of signed images is refused."),
    Option("barbican", "auth_endpoint", "str", "", "Where Keystone is. Empty: as in [keystone_authtoken]."),
    Option("barbican", "barbican_endpoint", "str", "", "Where Barbican is. Empty: by Keystone's catalog."),
    Option("barbican", "barbican_endpoint_type", "str", "public", "Interface of the catalog: public, internal or "
           "admin."),
    Option("barbican", "barbican_region_name", "str", "", "Its region, where there are several."),
    Option("barbican", "verify_ssl", "bool", True, "Check the certificates of Barbican and Keystone."),
    Option("barbican", "verify_ssl_path", "path", "", "Certificates to check theirs with. Empty: the system's."),
    Option("oslo_limit", "auth_url", "str", "", "Where Keystone is, for use_keystone_limits. Empty: as in "
           "[keystone_authtoken]."),
    Option("oslo_limit", "auth_type", "str", "password", "How this service logs in there to read limits."),
    Option("oslo_limit", "username", "str", "", "User that reads limits; it may read those of every project."),
    Option("oslo_limit", "password", "str", "", "Its password.", secret=True),
    Option("oslo_limit", "user_domain_name", "str", "Default", "Its domain."),
    Option("oslo_limit", "system_scope", "str", "", "`all` for a user with a role on the system."),
    Option("oslo_limit", "project_name", "str", "", "The user's project, where it has no role on the system."),
    Option("oslo_limit", "project_domain_name", "str", "", "That project's domain."),
    Option("oslo_limit", "endpoint_id", "str", "", "Endpoint of this service in Keystone, which limits are registered "
           "for. Empty: found by endpoint_service_type."),
    Option("oslo_limit", "endpoint_service_type", "str", "image", "Type of the service whose endpoint this is."),
    Option("oslo_limit", "endpoint_interface", "str", "public", "Its interface: public, internal or admin."),
    Option("oslo_limit", "endpoint_region_name", "str", "", "Its region, where there are several."),
    Option("oslo_limit", "cafile", "path", "", "Certificates to check Keystone's with. Empty: the system's."),
    Option("oslo_limit", "insecure", "bool", False, "Talk to Keystone without checking its certificate."),
    Option("oslo_limit", "timeout", "int", 10, "Seconds to wait for Keystone.", minimum=1),
    Option("paste_deploy", "config_file", "path", "", "The paste ini with the pipelines. Empty: the one that comes "
           "with glancelite."),
    Option("paste_deploy", "flavor", "str", "none", "Which pipeline of the ini is used: how callers are known (none, "
           "file, trusted or keystone)."),
    Option("server", "bind", "str", "", "HOST:PORT to listen on. Empty: 127.0.0.1 at 9292, or 9191 for the registry."),
    Option("server", "workers", "int", 1, "Worker processes.", minimum=1),
    Option("server", "threads", "int", 128, "Most requests that one worker process serves at a time.", minimum=2),
    Option("server", "graceful_timeout", "float", 30.0, "Seconds that running requests have to end after SIGTERM.",
           minimum=0),
    Option("server", "header_timeout", "float", 10.0, "Seconds a client has to send its request line and headers.",
           minimum=0.1),
    Option("server", "keepalive_timeout", "float", 15.0, "Seconds a connection may wait for its next request.",
           minimum=0),
    Option("server", "body_idle_timeout", "float", 30.0, "Seconds a client may be silent within a request body.",
           minimum=0.1),
    Option("server", "body_minimum_rate", "int", 1024, "Bytes per second that a request body must reach on average "
           "after its first body_idle_timeout seconds; 0: any.", minimum=0),
    Option("server", "send_timeout", "float", 60.0, "Seconds a client may take no data of a response.", minimum=0.1),
)  # fmt: skip

WITHDRAWN: dict[Key, str] = {}
"""Options of earlier releases, with the sentence for whoever still sets them."""


@dataclass(frozen=True)
class Config:
    """The values of all options. Built once, passed on, never changed."""

    values: Mapping[Key, Any]
    sources: Mapping[Key, str] = field(default_factory=dict)
    options: tuple[Option, ...] = ()

    def get(self, section: str, name: str) -> Any:
        """The value of one option; KeyError when there is no such option (a slip in our code)."""
        return self.values[section, name]

    def section(self, name: str, *, given: bool = False) -> dict[str, Any]:
        """The options of a section that have a value, by name; with `given` only those that somebody set."""
        return {
            key[1]: value
            for key, value in self.values.items()
            if key[0] == name and value not in ("", ()) and not (given and self.sources.get(key) == "default")
        }

    def __getitem__(self, key: str) -> Any:
        """`config["name"]` of section DEFAULT, `config["section.name"]` of another."""
        return self._by_text[key]

    @cached_property
    def _by_text(self) -> dict[str, Any]:
        return {name if section == "DEFAULT" else f"{section}.{name}": v for (section, name), v in self.values.items()}

    @property
    def data_dir(self) -> Path:
        return Path(self["data_dir"])


def load(
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[Key, Any] | None = None,
    more_options: Callable[[tuple[str, ...]], Iterable[Option]] = lambda enabled: (),
) -> Config:
    """Read the configuration; raise ConfigError with a sentence that helps when anything in it is not understood.

    `more_options` gives the options of other rooms, and of the sections that `enabled_backends` brings with it.
    """
    environ, overrides = environ or {}, overrides or {}
    written = _read_file(file) if file is not None else {}
    known = {option.key: option for option in OPTIONS}
    enabled = known["DEFAULT", "enabled_backends"]
    text = overrides.get(enabled.key) or environ.get(enabled.variable) or written.get(enabled.key, "")
    known |= {option.key: option for option in more_options(_items(text))}
    for section, name in written:
        _check_known(section, name, known, f"{file}: [{section}] {name}")
    found = {key: (option.default, "default") for key, option in known.items()}
    found |= {key: (value, str(file)) for key, value in written.items()}
    found |= _read_environ(environ, known)
    found |= {key: (value, "the command line") for key, value in overrides.items()}
    values = {key: _typed(known[key], value, source) for key, (value, source) in found.items()}
    if not values["DEFAULT", "data_dir"]:
        values["DEFAULT", "data_dir"] = _default_data_dir(environ)
    return Config(values, {key: source for key, (_, source) in found.items()}, tuple(known.values()))


def find_faults(
    file: Path, more_options: Callable[[tuple[str, ...]], Iterable[Option]] = lambda enabled: ()
) -> list[str]:
    """A sentence for each option of a file that there is not or whose value is not understood."""
    written = _read_file(file)
    enabled = _items(written.get(("DEFAULT", "enabled_backends"), ""))
    known = {option.key: option for option in (*OPTIONS, *more_options(enabled))}
    faults = []
    for key, value in written.items():
        try:
            _check_known(*key, known, f"{file}: [{key[0]}] {key[1]}")
            _typed(known[key], value, str(file))
        except ConfigError as error:
            faults.append(str(error))
    return faults


def check_value(option: Option, text: str) -> None:
    """Raise ConfigError for a value that the option does not take."""
    _typed(option, text, "here")


def find_file(environ: Mapping[str, str]) -> Path | None:
    """The configuration file where no option names one: $GLANCELITE_CONFIG, else the system's if it is there."""
    named = environ.get("GLANCELITE_CONFIG")
    if named:
        return Path(named)
    return SYSTEM_FILE if SYSTEM_FILE.exists() else None


def read_section(section: str, given: Mapping[str, Any], options: Iterable[Option]) -> dict[str, Any]:
    """The values of one section's options, given by name as PasteDeploy gives a filter its knobs."""
    known = {option.key: option for option in options}
    for name in given:
        _check_known(section, name, known, f"[{section}] {name}")
    return {
        option.name: _typed(option, given.get(option.name, option.default), "the paste ini")
        for option in known.values()
    }


def _default_data_dir(environ: Mapping[str, str]) -> str:
    base = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".local/share")
    return str(Path(base) / "glancelite")


def _read_file(file: Path) -> dict[Key, str]:
    parser = configparser.RawConfigParser(default_section="\0", strict=True)
    try:
        parser.read_string(file.read_text(encoding="utf-8"), source=str(file))
    except OSError as error:
        raise ConfigError(reason=f"The configuration file {file} cannot be read: {error.strerror}.") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ConfigError(reason=f"The configuration file {file} is not understood: {error}.") from error
    return {(section, name): text for section in parser.sections() for name, text in parser.items(section)}


def _read_environ(environ: Mapping[str, str], known: Mapping[Key, Option]) -> dict[Key, tuple[str, str]]:
    """Values from variables named like an option. Any other GLANCELITE_ variable that is not the command line's own
    is a misspelt option and stops the start.
    """
    variables = {option.variable: option.key for option in known.values()}
    found = {}
    for variable, text in environ.items():
        if variable in variables:
            found[variables[variable]] = (text, f"${variable}")
        elif variable.startswith("GLANCELITE_") and variable not in OTHER_VARIABLES:
            reason = f"The environment variable {variable} names no option.{_nearest(variable, variables)}"
            raise ConfigError(reason=reason)
    return found


def _check_known(section: str, name: str, known: Mapping[Key, Option], where: str) -> None:
    key = (section, name)
    if key in known:
        return
    if key in WITHDRAWN:
        raise ConfigError(reason=f"{where} was withdrawn: {WITHDRAWN[key]}")
    names = {f"[{s}] {n}": None for s, n in known}
    raise ConfigError(reason=f"{where}: there is no such option.{_nearest(f'[{section}] {name}', names)}")


def _nearest(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f" Did you mean {close[0]}?" if close else ""


def _typed(option: Option, value: Any, source: str) -> Any:
    try:
        typed: Any = _TYPES[option.type](value)
    except (ValueError, KeyError) as error:
        expected = {"bool": "true or false", "int": "a whole number", "float": "a number", "bytes": "a size"}
        wanted = expected[option.type]
        reason = f"[{option.section}] {option.name} (from {source}) is '{value}', but {wanted} is expected."
        raise ConfigError(reason=reason) from error
    if option.minimum is not None and typed < option.minimum:
        raise ConfigError(
            reason=f"[{option.section}] {option.name} (from {source}) is {value}; the least is {option.minimum}."
        )
    return typed


def _boolean(value: Any) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    return words[str(value).strip().lower()]


def _items(value: Any) -> tuple[str, ...]:
    if isinstance(value, (tuple, list)):
        return tuple(value)
    return tuple(item.strip() for item in value.strip().removeprefix("[").removesuffix("]").split(",") if item.strip())


_UNITS = {"": 0, "B": 0, "K": 1, "KB": 1, "M": 2, "MB": 2, "G": 3, "GB": 3, "T": 4, "TB": 4}


def _bytes(value: Any) -> int:
    """`20 GB` in bytes; a unit is a power of 1024."""
    found = re.fullmatch(r"(-?\d+)\s*(\w*)", str(value).strip())
    if found is None:
        raise ValueError(value)
    size: int = int(found[1]) * 1024 ** _UNITS[found[2].upper()]
    return size


_TYPES: dict[str, Callable[[Any], Any]] = {
    "str": lambda value: str(value).strip(),
    "path": lambda value: str(Path(str(value).strip()).expanduser()) if str(value).strip() else "",
    "int": lambda value: int(str(value).strip()),
    "float": lambda value: float(str(value).strip()),
    "bool": _boolean,
    "list": _items,
    "bytes": _bytes,
}
