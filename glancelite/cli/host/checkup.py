"""What `glancelite doctor` looks at, one function a part of the body. Nothing here changes anything."""

import importlib
import os
import shutil
import sqlite3
import ssl
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glancelite import __version__
from glancelite.config import Config
from glancelite.errors import ConfigError, GlanceliteError

if TYPE_CHECKING:
    from glancelite.domain.ports import Store
    from glancelite.usecases.services import Services

OLDEST_PYTHON = (3, 11)
LEAST_FREE = 1 << 30
"""Bytes: with less, an image of some size does not go in, and a database soon not either."""
LARGEST_SKEW = 5.0
"""Seconds between two clocks that nobody need care about."""
_DRIVERS = {"postgresql": ("psycopg", "postgres"), "postgres": ("psycopg", "postgres"), "mysql": ("pymysql", "mysql")}


@dataclass(frozen=True)
class Remark:
    """What was seen of a part: `fault` or `note` (which is no fault) with how to mend it, or that all is well."""

    part: str
    result: str
    found: str
    mend: str = ""

    @property
    def is_fault(self) -> bool:
        return self.result == "fault"


def ok(part: str, found: str) -> Remark:
    return Remark(part, "ok", found)


def note(part: str, found: str, mend: str = "") -> Remark:
    return Remark(part, "note", found, mend)


def fault(part: str, found: str, mend: str) -> Remark:
    return Remark(part, "fault", found.rstrip("."), mend)


def examine(config: Config) -> Iterator[Remark]:
    """Everything that can be looked at with a configuration that is understood."""
    for look in (look_at_pipeline, look_at_programs, look_at_tls, look_at_secrets, look_at_data_dir, look_at_service):
        yield from look(config)


def look_at_python() -> Iterator[Remark]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        yield fault("python", f"Python {version}", "Run it with Python 3.11 or later.")
    else:
        yield ok("python", f"glancelite {__version__}, Python {version}")


def look_at_pipeline(config: Config) -> Iterator[Remark]:
    from glancelite.deploy import check_pipeline

    try:
        yield ok("pipeline", f"{config['paste_deploy.flavor']} of {check_pipeline(config)}")
    except ConfigError as error:
        yield fault("pipeline", str(error), "Correct [paste_deploy] flavor and config_file, or the ini.")


def look_at_programs(config: Config) -> Iterator[Remark]:
    """What is called or imported only by those who need it."""
    from glancelite.tasks.plugins import open_plugins

    try:
        names = [plugin.name for plugin in open_plugins(config)]
        what = "qemu-img is there" if "image_conversion" in names else "none is needed"
        yield ok("programs", what)
    except ConfigError as error:
        yield fault("programs", str(error), "Install what is missing, or take it out of image_import_plugins.")
    scheme = config["database.connection"].partition("://")[0].partition("+")[0]
    wanted = [_DRIVERS[scheme]] if scheme in _DRIVERS else []
    if config["paste_deploy.flavor"] == "keystone" or config["use_keystone_limits"]:
        wanted.append(("keystonemiddleware", "keystone"))
    for module, extra in wanted:
        try:
            importlib.import_module(module)
            yield ok("libraries", f"{module} is there")
        except ImportError:
            yield fault("libraries", f"{module} is missing", f"pip install 'glancelite[{extra}]'")


def look_at_tls(config: Config) -> Iterator[Remark]:
    """Files of certificates that others' are checked with."""
    names = ("cafile", "https_ca_certificates_file")
    for option in config.options:
        path = config.values[option.key]
        if option.name in names and path:
            yield _look_at_certificates(f"[{option.section}] {option.name}", path)


def _look_at_certificates(where: str, path: str) -> Remark:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "there is no certificate in it"
        return fault("tls", f"{where} {path}: {reason}", "Put the certificates there as PEM, readable by the service.")
    ends = [ssl.cert_time_to_seconds(str(each["notAfter"])) for each in context.get_ca_certs() if "notAfter" in each]
    if ends and max(ends) < time.time():
        return fault("tls", f"{where} {path}: every certificate in it has expired", "Renew them.")
    return ok("tls", f"{where} {path}")


def look_at_secrets(config: Config) -> Iterator[Remark]:
    """Files that nobody else may read."""
    files = [_key_file(config), config.data_dir / "users.json"]
    files += {Path(config.sources[o.key]) for o in config.options if o.secret and _is_of_file(config, o.key)}
    for file in files:
        with suppress(OSError):
            mode = file.stat().st_mode
            if mode & (0o077 if file.name == "registry.key" else 0o007):
                yield fault("secrets", f"others may read {file} (mode {stat.S_IMODE(mode):04o})", f"chmod 0600 {file}")
            else:
                yield ok("secrets", f"{file} is for its owner only")


def _is_of_file(config: Config, key: tuple[str, str]) -> bool:
    source = config.sources[key]
    return source not in ("default", "the command line") and not source.startswith("$")


def look_at_data_dir(config: Config) -> Iterator[Remark]:
    place = config.data_dir
    if not place.exists():
        yield note("data directory", f"{place} is not there yet", "It is made by the first start.")
        return
    if not os.access(place, os.W_OK | os.X_OK):
        yield fault("data directory", f"{place} is not writable for this user", _owner(place))
    elif place.stat().st_mode & 0o002:
        yield fault("data directory", f"everybody may write to {place}", f"chmod o-w {place}")
    else:
        yield _look_at_room("data directory", place)


def _owner(place: Path) -> str:
    return f"Run this as its owner (user id {place.stat().st_uid}), or give it to the service's user."


def _look_at_room(part: str, place: Path) -> Remark:
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE:
        return fault(part, f"{place} has {_size(free)} left", "Make room on that disk, or move it to a larger one.")
    return ok(part, f"{place}, {_size(free)} free")


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count >> 10} KiB"


def look_at_service(config: Config) -> Iterator[Remark]:
    """The registry, and then what only can be looked at with it."""
    from glancelite.deploy import build_services

    if _has_no_database(config):
        yield note("database", "there is none yet", "It is made by the first start, or by `glancelite db upgrade`.")
        return
    file_remarks = list(_look_at_sqlite(config))
    yield from file_remarks
    if any(remark.is_fault for remark in file_remarks):
        return
    if config["registry.location"] != "local" and not (config["registry.key"] or _key_file(config).exists()):
        mend = f"Copy registry.key from the registry's data directory to {config.data_dir}, or set [registry] key."
        yield fault("registry", "there is no key to ask it with", mend)
        return
    services = build_services(config)
    try:
        is_usable = False
        for remark in _look_at_registry(services):
            is_usable = remark.part == "clock" or is_usable
            yield remark
        if is_usable:
            for store in services.stores.places:
                yield from _look_at_store(services, store)
    finally:
        services.registry.close()


def _key_file(config: Config) -> Path:
    return config.data_dir / "registry.key"


def _has_no_database(config: Config) -> bool:
    is_default = config["registry.location"] == "local" and not config["database.connection"]
    return is_default and not (config.data_dir / "glancelite.sqlite").exists()


def _look_at_sqlite(config: Config) -> Iterator[Remark]:
    """The file itself, where the database is one in the data directory."""
    file = config.data_dir / "glancelite.sqlite"
    if config["registry.location"] != "local" or config["database.connection"]:
        return
    if not os.access(file, os.R_OK | os.W_OK):
        yield fault("database file", f"{file} is not readable and writable for this user", _owner(file))
        return
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            said = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        mend = "Stop the service, keep a copy of the file, and restore a backup (or try sqlite3's .recover)."
        yield fault("database file", f"{file} is damaged: {said.splitlines()[-1]}", mend)
    else:
        yield ok("database file", str(file))


def _look_at_registry(services: "Services") -> Iterator[Remark]:
    place = services.config["registry.location"]
    is_local = place == "local"
    part = "database" if is_local else "registry"
    try:
        began = time.monotonic()
        status = services.registry.show_status()
        took = time.monotonic() - began
        if not status.is_current:
            mend = "Run `glancelite db upgrade`" + (" where the registry runs." if not is_local else ".")
            yield fault(part, f"the schema is at {status.schema or 'nothing'}, which is not this version's", mend)
            return
        yield ok(part, f"schema {status.schema}, {'' if is_local else f'at {place}, '}answers in {took * 1000:.1f} ms")
        yield _look_at_clock(services)
    except GlanceliteError as error:
        mend = "See that it runs and that [database] connection is right." if is_local else (
            "See that it runs at that place, and that both have the same [registry] key."
        )  # fmt: skip
        yield fault(part, str(error), mend)


def _look_at_clock(services: "Services") -> Remark:
    began = time.time()
    theirs = services.registry.read_clock()
    skew = theirs - (began + time.time()) / 2
    if abs(skew) > LARGEST_SKEW:
        what = f"the database is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this host"
        return fault("clock", what, "Let both follow a time server (chrony, systemd-timesyncd).")
    return ok("clock", f"the database's differs by {abs(skew):.1f} s")


def _look_at_store(services: "Services", store: "Store") -> Iterator[Remark]:
    part = f"store {store.id}"
    if not store.is_shared:
        yield note(part, f"driver {store.driver}: what it keeps is gone with the service")
        return
    if services.registry.show_marker(store.id) is None:  # to attach it would make its place
        yield note(part, "it was never used", "It is made by the first start.")
        return
    store.attach(services.registry)
    status = store.check()
    if status.reason is not None:
        mend = "See that the right disk is mounted there and that this user may write to it; then `glancelite fsck`."
        yield fault(part, status.reason, mend)
    elif status.free is not None and status.free < LEAST_FREE:
        yield fault(part, f"{_size(status.free)} are left", "Make room, or take another store for new images.")
    else:
        yield ok(part, f"driver {store.driver}" + ("" if status.free is None else f", {_size(status.free)} free"))


def gather(looks: Iterable[Callable[[], Iterator[Remark]]]) -> list[Remark]:
    """Every remark; what breaks a look is one itself."""
    remarks: list[Remark] = []
    for look in looks:
        try:
            for remark in look():
                remarks.append(remark)  # at once, so that it stays when the next one breaks down
        except (GlanceliteError, OSError) as error:
            remarks.append(fault("doctor", str(error), "Mend this first, and ask again."))
    return remarks
