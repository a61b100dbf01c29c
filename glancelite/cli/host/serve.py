"""`glancelite server run`: the service in the foreground, until SIGTERM or Ctrl-C and the drain that follows."""

import ipaddress
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from glancelite.config import Config
from glancelite.errors import ConfigError

from .settings import configured, load_config

DEFAULT_BIND = {"api": "127.0.0.1:9292", "all": "127.0.0.1:9292", "registry": "127.0.0.1:9191"}
_OPEN_FLAVORS = ("none", "trusted")


@click.group(name="server")
def command() -> None:
    """Run the service."""


@command.command()
@click.argument("role", type=click.Choice(["api", "registry", "all"]), default="all")
@click.option("--bind", metavar="HOST:PORT", help="Where to listen (API 127.0.0.1:9292, registry 127.0.0.1:9191).")
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes.")
@click.option("--auth", type=click.Choice(["none", "file", "trusted", "keystone"]), help="How callers are known.")
@click.option("--registry", "registry_url", metavar="URL", help="The registry daemon that the API asks.")
@click.option("--trust-network", is_flag=True, help="Let none or trusted listen beyond loopback.")
@click.option(
    "--dev",
    is_flag=True,
    help="To try things out: one worker, everything logged, and, without --data-dir or "
    "--config, all data in a directory that is removed at the end.",
)
@configured
def run(
    role: str,
    bind: str | None,
    workers: int | None,
    auth: str | None,
    registry_url: str | None,
    trust_network: bool,
    dev: bool,
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Run the API with its registry (all), the API alone with a registry elsewhere (api), or that registry.

    Without any configuration it keeps SQLite and image files in its data directory and lets everybody on this host
    do everything. It prints its URL and an entry for clouds.yaml as soon as it listens.
    """  # fmt: skip
    given = {
        ("server", "bind"): bind,
        ("server", "workers"): 1 if dev and workers is None else workers,
        ("paste_deploy", "flavor"): auth,
        ("registry", "location"): registry_url,
    }
    overrides = {key: value for key, value in given.items() if value is not None}
    with _place(data_dir, is_passing=dev and config_file is None) as place:
        config = load_config(config_file, place, overrides)
        if place != data_dir:
            _check_passing(config)
        _check_role(role, config)
        _serve(role, config, trust_network, logging.DEBUG if dev else logging.INFO)


@contextmanager
def _place(data_dir: Path | None, is_passing: bool) -> Iterator[Path | None]:
    """Where the data is: what was asked for, or a directory that goes with this process."""
    if data_dir is not None or not is_passing:
        yield data_dir
        return
    place, process = Path(tempfile.mkdtemp(prefix="glancelite-dev-")), os.getpid()
    try:
        yield place
    finally:
        if os.getpid() == process:  # and not in a worker
            shutil.rmtree(place, ignore_errors=True)


def _check_passing(config: Config) -> None:
    """A service to throw away must not work on what stays, whatever else is configured on this host."""
    for (section, name), value in config.values.items():
        if value and name in ("connection", "filesystem_store_datadir"):
            raise ConfigError(
                reason=f"--dev keeps nothing, but [{section}] {name} is configured, by a file or the environment: name "
                "--data-dir or --config if what it points to is meant."
            )


def _check_role(role: str, config: Config) -> None:
    is_local = config["registry.location"] == "local"
    if role == "api" and is_local:
        raise ConfigError(
            reason="`server run api` asks a registry elsewhere: name it with --registry URL or [registry] location, "
            "or use `server run all`, which brings its own."
        )
    if role in ("all", "registry") and not is_local:
        raise ConfigError(reason=f"[registry] location is {config['registry.location']}: that is for `server run api`.")


def _serve(role: str, config: Config, trust_network: bool, level: int) -> None:
    from glancelite.deploy import load_api, load_registry, start_logging
    from glancelite.server import ServerSettings, serve

    start_logging(level)
    settings = ServerSettings.from_config(config, DEFAULT_BIND[role])
    flavor = config["paste_deploy.flavor"]
    if role != "registry" and flavor in _OPEN_FLAVORS and not trust_network:
        _require_loopback(settings.address[0], flavor)

    def load() -> Any:
        return load_registry(config) if role == "registry" else load_api(config)

    serve(load, settings, when_ready=lambda: click.echo(_greeting(role, settings.bind, flavor)))


def _require_loopback(host: str, flavor: str) -> None:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ConfigError(
            reason=f"With --auth {flavor} everybody who reaches {host} would be believed. Choose --auth file or "
            "keystone, listen on 127.0.0.1, or say --trust-network."
        )


def _greeting(role: str, bind: str, flavor: str) -> str:
    url = f"http://{bind}"
    if role == "registry":
        return f"glancelite registry at {url}"
    auth = {
        "none": f'auth_type: none, endpoint: "{url}"',
        # With `endpoint` alone openstacksdk leaves /v2 out of its paths; without it, it looks for an identity service.
        "file": f'auth_type: http_basic, auth: {{username: USER, password: PASSWORD, endpoint: "{url}"}}, '
        f'image_endpoint_override: "{url}"',
    }.get(flavor, f'image_endpoint_override: "{url}"')
    return f"glancelite at {url}\nFor clouds.yaml:\nclouds: {{glancelite: {{{auth}}}}}"
