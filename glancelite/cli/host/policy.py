"""`glancelite policy`: which rules are in force, and what they say of somebody."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glancelite.cli.output import View, print_many, print_one, shows_many, shows_one

from .settings import configured, load_config

if TYPE_CHECKING:
    from glancelite.domain.context import Context
    from glancelite.domain.policy import Policy

_NO_IMAGE = (
    "add_image", "get_images", "context_is_admin", "service_api", "stores_info_detail", "default", "tasks_api_access",
    "get_task", "get_tasks", "add_task", "modify_task",
)  # fmt: skip
"""Rules that ask of no image that is there; who may not see an image hears that there is none."""


@click.group(name="policy")
def command() -> None:
    """List the rules in force, and tell what they allow."""


@command.command("list")
@shows_many
@configured
def list_rules(view: View, config_file: Path | None, data_dir: Path | None) -> None:
    """List every rule: its default, what is in force, and which file says so."""
    from glancelite.deploy import read_policies
    from glancelite.domain.rules import RULES

    config = load_config(config_file, data_dir)
    rules, written = _policy(config_file, data_dir), read_policies(config)
    defaults = {rule.name: rule.default for rule in RULES}
    rows = [
        [name, defaults.get(name), text, written[name][1] if name in written else "default"]
        for name, text in rules.texts.items()
    ]
    print_many(["Rule", "Default", "In Force", "From"], rows, view)


@command.command()
@click.option("--action", required=True, metavar="RULE", help="A rule, or an operation of the API that asks one.")
@click.option("--role", "roles", multiple=True, help="A role of the caller; repeatable. None implies another here.")
@click.option("--project", default="mine", show_default=True, help="The caller's project.")
@click.option("--user", default="me", show_default=True, help="The caller.")
@click.option("--owner", help="The project that owns the image. [default: the caller's]")
@click.option(
    "--visibility",
    type=click.Choice(["public", "private", "shared", "community"]),
    default="shared",
    show_default=True,
    help="The image's visibility.",
)
@click.option("--member", help="The project that the membership in question is of.")
@shows_one
@configured
def check(view: View, action: str, config_file: Path | None, data_dir: Path | None, **caller: Any) -> int:
    """Tell whether a caller may do something, by which rule, and what each check of the rule says.

    Exit code 0 when it is allowed, 1 when it is not. Nobody is asked but the rules: that a caller finds an image at all
    is the registry's to say.
    """  # fmt: skip
    rules = _policy(config_file, data_dir)
    rule = _find_rule(rules, action)
    context = _caller(rules, caller)
    target = {
        "owner": caller["owner"] or caller["project"],
        "project_id": caller["owner"] or caller["project"],
        "user_id": caller["user"],
        "visibility": caller["visibility"],
        "member_id": caller["member"],
    }
    allowed = rules.allows(context, rule, target)
    hidden = not allowed and rule not in _NO_IMAGE and not rules.allows(context, "get_image", target)
    record = {
        "action": action,
        "rule": rule,
        "says": rules.texts[rule],
        "allowed": allowed,
        "answer": None if allowed else "404, for get_image refuses too" if hidden else "403",
        "checks": rules.explain(context, rule, target) or None,
    }
    print_one(record, view)
    return 0 if allowed else 1


def _policy(config_file: Path | None, data_dir: Path | None) -> "Policy":
    from glancelite.deploy import open_policy

    return open_policy(load_config(config_file, data_dir))


def _find_rule(rules: "Policy", action: str) -> str:
    from glancelite.api.operations import OPERATIONS

    operations = {operation.name: operation.rule for operation in OPERATIONS if operation.rule}
    operations |= {"create_image": "add_image"}
    if rules.knows(action):
        return action
    if action in operations:
        return operations[action]
    close = difflib.get_close_matches(action, [*rules.texts, *operations], n=1, cutoff=0.4)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise click.UsageError(f"'{action}' is neither a rule nor an operation that asks one.{hint}")


def _caller(rules: "Policy", caller: dict[str, Any]) -> "Context":
    from glancelite.domain.context import Context

    roles = tuple(role.lower() for role in caller["roles"])
    context = Context(project_id=caller["project"], user_id=caller["user"], roles=roles)
    return context.judged(rules.allows(context, "context_is_admin", {}))
