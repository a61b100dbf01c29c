"""The options that every command of the client has: said once, accepted before and after a command, from the command
line, the environment or clouds.yaml. Precedence: option, environment, clouds.yaml, default.
"""

import functools
import os
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from .color import CHOICES
from .kinds import give_kind
from .session import Session

KEY = "glancelite.given"
"""Where the click context keeps what was given on the command line."""


class Setting(NamedTuple):
    """One global option: its key (as in clouds.yaml), spellings, environment variables, help; hidden ones are old."""

    key: str
    flags: str
    variables: str
    help: str
    type: Any = str
    hidden: str = ""


# fmt: off
SETTINGS: tuple[Setting, ...] = (
    Setting("cloud", "--os-cloud", "OS_CLOUD", "Entry of clouds.yaml."),
    Setting("endpoint", "--os-endpoint", "OS_ENDPOINT OS_IMAGE_ENDPOINT_OVERRIDE OS_ENDPOINT_OVERRIDE OS_IMAGE_URL",
            "URL of the image service, with or without /v2.", hidden="--os-endpoint-override --os-image-url"),
    Setting("auth_type", "--os-auth-type", "OS_AUTH_TYPE", "none, http_basic, token, password or "
            "v3applicationcredential."),
    Setting("auth_url", "--os-auth-url", "OS_AUTH_URL", "URL of Keystone."),
    Setting("username", "--os-username", "OS_USERNAME", "Name of the user."),
    Setting("user_id", "--os-user-id", "OS_USER_ID", "ID of the user."),
    Setting("password", "--os-password", "OS_PASSWORD", "Password; asked for on a terminal when it is missing."),
    Setting("token", "--os-token", "OS_TOKEN OS_AUTH_TOKEN", "Token.", hidden="--os-auth-token"),
    Setting("project_name", "--os-project-name", "OS_PROJECT_NAME OS_TENANT_NAME", "Project to act in."),
    Setting("project_id", "--os-project-id", "OS_PROJECT_ID OS_TENANT_ID", "The same, by ID."),
    Setting("project_domain_name", "--os-project-domain-name", "OS_PROJECT_DOMAIN_NAME", "Domain of the project."),
    Setting("project_domain_id", "--os-project-domain-id", "OS_PROJECT_DOMAIN_ID", "The same, by ID."),
    Setting("user_domain_name", "--os-user-domain-name", "OS_USER_DOMAIN_NAME", "Domain of the user."),
    Setting("user_domain_id", "--os-user-domain-id", "OS_USER_DOMAIN_ID", "The same, by ID."),
    Setting("domain_name", "--os-domain-name", "OS_DOMAIN_NAME", "Domain to act in."),
    Setting("domain_id", "--os-domain-id", "OS_DOMAIN_ID", "The same, by ID."),
    Setting("default_domain", "--os-default-domain", "OS_DEFAULT_DOMAIN", "Domain ID where none is said."),
    Setting("system_scope", "--os-system-scope", "OS_SYSTEM_SCOPE", "`all`: act on the whole system."),
    Setting("application_credential_id", "--os-application-credential-id", "OS_APPLICATION_CREDENTIAL_ID",
            "Application credential, by ID."),
    Setting("application_credential_name", "--os-application-credential-name", "OS_APPLICATION_CREDENTIAL_NAME",
            "The same, by name; needs the user."),
    Setting("application_credential_secret", "--os-application-credential-secret",
            "OS_APPLICATION_CREDENTIAL_SECRET", "Its secret."),
    Setting("region_name", "--os-region-name", "OS_REGION_NAME", "Region in the catalog."),
    Setting("interface", "--os-interface", "OS_INTERFACE OS_ENDPOINT_TYPE", "public (default), internal or admin.",
            hidden="--os-endpoint-type"),
    Setting("cacert", "--os-cacert", "OS_CACERT", "File of CA certificates to trust."),
    Setting("cert", "--os-cert", "OS_CERT", "Client certificate."),
    Setting("key", "--os-key", "OS_KEY", "Key of the client certificate."),
    Setting("verify", "--verify/--insecure", "", "Check the service's certificate (default), or not.", bool),
    Setting("image_api_version", "--os-image-api-version", "OS_IMAGE_API_VERSION", "2 or 2.N."),
    Setting("timeout", "--timeout", "GLANCELITE_TIMEOUT", "Seconds to wait for an answer.", click.FloatRange(0.001)),
    Setting("retries", "--retries", "GLANCELITE_RETRIES", "How often to try again what can be repeated and failed for "
            "the moment; 0 unless said.", click.IntRange(0)),
    Setting("log_file", "--log-file", "", "Also write the log to this file, with the time of each line."),
    Setting("color", "--color", "", "auto (default), always or never; NO_COLOR and FORCE_COLOR are heeded.",
            click.Choice(CHOICES)),
    Setting("timing", "--timing", "", "Show how long each request took.", True),
    Setting("debug", "--debug", "GLANCELITE_DEBUG GLANCECLIENT_DEBUG", "Show requests, answers and tracebacks.", True),
    Setting("verbose", "-v --verbose", "", "Say more; -vv: as --debug without tracebacks.", int),
    Setting("quiet", "-q --quiet", "", "Say nothing but results, warnings and errors.", True),
    Setting("yes", "-y --yes", "", "Ask no questions.", True),
    *(Setting(f"unused_{name}", f"--os-{name}-api-version", "", "Of another service: ignored.", hidden="*")
      for name in ("accelerator", "compute", "identity", "network", "object", "placement", "share", "volume")),
    Setting("unused_beta", "--os-beta-command", "", "Ignored.", True, hidden="*"),
)
# fmt: on

SECRETS = ("password", "token", "application_credential_secret")
"""Keys of what nobody else may read."""
_NO = ("", "0", "false", "no", "off")


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    session = ctx.ensure_object(Session)
    said = ctx.meta.setdefault(KEY, session.said)
    name = param.name or ""
    if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
        said[name.removesuffix("_old")] = value
        if name.removesuffix("_old") in SECRETS and value and not session.is_shell:
            _blank_title(value)


def _blank_title(secret: str) -> None:
    """Take a secret that was given on the command line out of what `ps` shows of this process."""
    import setproctitle

    setproctitle.setproctitle(setproctitle.getproctitle().replace(secret, "***"))


def _make(setting: Setting) -> list[click.Option]:
    kind: dict[str, Any] = {"type": setting.type, "default": None}
    if setting.type is True:
        kind = {"is_flag": True, "default": None}
    elif setting.type is int:
        kind = {"count": True}
    elif setting.type is bool:
        kind = {"default": None}
    env = f"  Env: {setting.variables.split()[0]}." if setting.variables else ""
    rest: dict[str, Any] = {"expose_value": False, "callback": _remember, "help": setting.help + env} | kind
    hidden = setting.hidden == "*"
    made = [click.Option([*setting.flags.split(), setting.key], hidden=hidden, **rest)]
    if setting.hidden and not hidden:
        made.append(click.Option([*setting.hidden.split(), f"{setting.key}_old"], hidden=True, **rest))
    return made


def global_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the root's visible copy of the global options."""
    made = [option for setting in SETTINGS for option in _make(setting)]
    for option in made:
        give_kind(option)
    command.__click_params__ = [*getattr(command, "__click_params__", []), *reversed(made)]  # type: ignore[attr-defined]
    return command


def accept(command: click.Command) -> None:
    """Let a command take the global options too; its help names them only in a line."""
    for param in command.params:
        give_kind(param)
    taken = {name for param in command.params for name in param.opts}
    command.params += [option for option in _quiet_copies() if not taken & set(option.opts)]
    command.epilog = "Global options (glancelite --help) may stand here too."


@functools.cache
def _quiet_copies() -> list[click.Option]:
    copies = [option for setting in SETTINGS for option in _make(setting)]
    for option in copies:
        option.hidden = True
    return copies


def wants_debug(args: Collection[str], said: Mapping[str, Any]) -> bool:
    """Was --debug given? Asked where no click context is left."""
    if "--debug" in args or said.get("debug"):
        return True
    return any(_first(each, os.environ) for each in SETTINGS if each.key == "debug")


def collect(ctx: click.Context, environ: Mapping[str, str]) -> dict[str, Any]:
    """Every setting that has a value, from the place that counts most."""
    given: dict[str, Any] = dict(ctx.meta.get(KEY, {}))
    from_environ = {each.key: value for each in SETTINGS for value in _first(each, environ)}
    cloud = given.get("cloud") or from_environ.get("cloud")
    found: dict[str, Any] = {}
    if cloud != "envvars" and (cloud or not _says_where(given | from_environ)):
        from . import clouds

        found = clouds.read_cloud(cloud, environ)
    settings = found | from_environ | given
    _check_version(str(settings.get("image_api_version", "2")))
    settings["timeout"] = _seconds(settings.get("timeout"))
    settings["retries"] = _count(settings.get("retries"))
    return settings


def _first(setting: Setting, environ: Mapping[str, str]) -> list[str]:
    values = [environ[name] for name in setting.variables.split() if environ.get(name)][:1]
    return [value for value in values if setting.type is not True or value.lower() not in _NO]


def _says_where(settings: Mapping[str, Any]) -> bool:
    return any(settings.get(key) for key in ("endpoint", "auth_url", "auth_type"))


def _seconds(value: Any) -> float | None:
    if value in (None, ""):
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e9:
        raise click.UsageError(f"The timeout '{value}' is not a number of seconds above 0.")
    return seconds


def _count(value: Any) -> int:
    text = str(value or 0)
    if not text.isascii() or not text.isdigit():
        raise click.UsageError(f"The number of retries '{value}' is not a whole number, 0 or more.")
    return int(text)


def _check_version(version: str) -> None:
    major, _, _ = version.partition(".")
    if major == "1":
        raise click.UsageError("The Image API v1 is not offered by this client (nor by Glance since Rocky); use 2.")
    if major != "2":
        raise click.UsageError(f"Image API version '{version}' is not known; use 2 or 2.N.")
