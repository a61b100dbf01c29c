"""Reads clouds.yaml: where it is looked for, what secure.yaml and a profile add, and the settings of one cloud."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

_KEYS = ("auth_type", "region_name", "interface", "verify", "cacert", "cert", "key", "image_api_version", "timeout")
_ENDPOINTS = ("image_endpoint_override", "endpoint_override", "endpoint")
_ENDINGS = ("yaml", "yml", "json")


def read_cloud(name: str | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings of a cloud; of the one called `openstack`, when there is such a one, where none is named."""
    file, clouds = _read_first("clouds", "OS_CLIENT_CONFIG_FILE", environ)
    if name is None and "openstack" not in clouds:
        return {}
    name = name or "openstack"
    if name not in clouds:
        known = f"; it has {', '.join(map(str, clouds))}" if clouds else ""
        where = f"{file} has no cloud '{name}'{known}." if file else f"There is no clouds.yaml to find '{name}' in."
        raise click.UsageError(where)
    cloud = _mapping(clouds[name], f"{file}: cloud '{name}'")
    _, secrets = _read_first("secure", "OS_CLIENT_SECURE_FILE", environ, file)
    cloud = _merge(cloud, _mapping(secrets.get(name), "secure.yaml"))
    if "profile" in cloud:
        cloud = _merge(_read_profile(str(cloud["profile"]), environ, file), cloud)
    return _flatten(cloud)


def _flatten(cloud: dict[str, Any]) -> dict[str, Any]:
    auth = _mapping(cloud.get("auth"), "auth")
    settings = {key: value for key, value in auth.items() if value is not None}
    settings |= {key: cloud[key] for key in _KEYS if cloud.get(key) is not None}
    endpoints = [cloud[key] for key in _ENDPOINTS if cloud.get(key)]
    settings |= {"endpoint": endpoints[0]} if endpoints else {}
    for key, value in settings.items():
        if not isinstance(value, (str, bool, int, float)):
            raise click.UsageError(f"clouds.yaml: {key} is no text and no number.")
    return {key: value if isinstance(value, (str, bool)) else str(value) for key, value in settings.items()}


def _places(environ: Mapping[str, str]) -> list[Path]:
    system = [Path("/etc/openstack")]
    try:
        user = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or "~").expanduser() / ".config")
    except RuntimeError:  # of a user that nobody has heard of
        return [Path(), *system]
    return [Path(), user / "openstack", *system]


def _read_first(
    stem: str, variable: str, environ: Mapping[str, str], beside: Path | None = None
) -> tuple[Path | None, dict[str, Any]]:
    """The first file of this name that exists, and its `clouds`."""
    if environ.get(variable):
        file = Path(environ[variable])
        if not file.is_file():
            raise click.UsageError(f"${variable} names {file}, which is no file.")
        return file, _read(file)
    for folder in [*([beside.parent] if beside else []), *_places(environ)]:
        for ending in _ENDINGS:
            file = folder / f"{stem}.{ending}"
            if _is_file(file):
                return file, _read(file)
    return None, {}


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from error


def _read_profile(profile: str, environ: Mapping[str, str], beside: Path | None) -> dict[str, Any]:
    file, profiles = _read_first("clouds-public", "OS_CLIENT_VENDOR_FILE", environ, beside)
    if profile not in profiles:
        raise click.UsageError(f"Profile '{profile}' is not in {file or 'a clouds-public.yaml beside clouds.yaml'}.")
    return _mapping(profiles[profile], f"{file}: profile '{profile}'")


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text) if file.suffix == ".json" else _parse_yaml(text)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    document = _mapping(document, str(file))
    return _mapping(document.get("clouds", document.get("public-clouds")), f"{file}: clouds")


def _parse_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise click.UsageError(f"{where} is not a mapping.")
    return value


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
