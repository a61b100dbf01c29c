"""`configuration show`: the settings that this client would use, and where it has each from."""

import os
import re
from collections.abc import Mapping
from typing import Any

import click

from glancelite.client.auth import guess_kind

from .group import Group
from .options import KEY, SETTINGS
from .output import View, print_many, print_one, shows_one
from .service import settings

HIDDEN = "<redacted>"
_SECRETS = ("password", "token", "application_credential_secret")
_SECRET = re.compile(r"pass|secret|token|private")
"""What else of clouds.yaml is nobody's business."""
_AUTH = (
    "auth_url", "username", "user_id", *_SECRETS, "project_name", "project_id", "project_domain_name",
    "project_domain_id", "user_domain_name", "user_domain_id", "domain_name", "domain_id", "system_scope",
    "application_credential_id", "application_credential_name",
)  # fmt: skip
"""Settings that clouds.yaml and `openstack` keep under `auth`."""
_DEFAULTS: dict[str, Any] = {
    "interface": "public", "default_domain": "default", "region_name": "", "verify": True,
    "image_api_version": "2", "cacert": None, "cert": None, "key": None, "timing": False,
}  # fmt: skip


@click.group("configuration", cls=Group)
def command() -> None:
    """Show the settings of this client."""


@command.command()
@click.option("--mask/--unmask", default=True, help="Hide passwords and tokens (default), or show them.")
@shows_one
@click.pass_context
def show(ctx: click.Context, mask: bool, view: View) -> None:
    """Show the settings of this client, and where each comes from: an option, the environment or clouds.yaml."""
    found = {key: value for key, value in settings().items() if value is not None and not key.startswith("unused_")}
    sources = {key: _source(key, ctx, os.environ, found) for key in found}
    found.setdefault("auth_type", guess_kind(found))
    found = {**{key: value for key, value in _DEFAULTS.items() if key not in found}, **found}
    record = {_name(key): HIDDEN if mask and _SECRET.search(key) else value for key, value in found.items()}
    told = {_name(key): sources.get(key, "default") for key in found}
    if view.format == "table" and not view.columns:
        rows = [[name, str(record[name]), told[name]] for name in sorted(record)]
        print_many(("Field", "Value", "Source"), rows, view)
    else:
        print_one(record | {"sources": told}, view)


def _name(key: str) -> str:
    return f"auth.{key}" if key in _AUTH else key


def _source(key: str, ctx: click.Context, environ: Mapping[str, str], found: Mapping[str, Any]) -> str:
    """Where a setting is from, in the order in which they count."""
    setting = next((each for each in SETTINGS if each.key == key), None)
    if setting is not None and key in ctx.meta.get(KEY, {}):
        return setting.flags.split()[-1]
    for variable in setting.variables.split() if setting is not None else ():
        if environ.get(variable):
            return variable
    return "default" if key == "retries" and not found[key] else f"cloud {found.get('cloud', 'openstack')}"
