"""Property protections: who may create, read, update and delete which additional properties.

The rules come from an INI file: each section is a regular expression, searched in the property's name; the first that
is found decides. Its keys create, read, update, delete hold roles (comma separated), `@` for everybody, `!` for nobody;
or, in the form `policies`, the name of one policy rule. What no section matches nobody may touch, so a file usually
ends with `[.*]`. Source: the property protections of the Image API's operators' guide.
"""

import configparser
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..errors import ConfigError
from .context import Context
from .fields import RESERVED_PREFIX
from .policy import Policy

OPERATIONS = ("create", "read", "update", "delete")

Permit = Callable[[Context], bool]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Protections:
    """The rules in order; without any (no file), everything is allowed."""

    rules: tuple[tuple[re.Pattern[str], Mapping[str, Permit]], ...] = ()
    is_on: bool = False

    def allow(self, context: Context, operation: str, name: str) -> bool:
        """May this caller do this to a property of this name? The service's own bookkeeping is not asked about."""
        if not self.is_on or name.startswith(RESERVED_PREFIX):
            return True
        for pattern, permits in self.rules:
            if pattern.search(name):
                return permits[operation](context)
        return False


def parse_protections(text: str, form: str, policy: Policy) -> Protections:
    """Protections from the text of a file; `form` is roles or policies. ConfigError for what is not understood."""
    if form not in ("roles", "policies"):
        raise ConfigError(reason=f"property_protection_rule_format is '{form}', but roles or policies is expected.")
    parser = configparser.RawConfigParser(default_section="\0", strict=True)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ConfigError(reason=f"The property protection file is not understood: {error}.") from error
    return Protections(
        tuple(_parse_section(parser, section, form, policy) for section in parser.sections()), is_on=True
    )


def _parse_section(
    parser: configparser.RawConfigParser, section: str, form: str, policy: Policy
) -> tuple[re.Pattern[str], Mapping[str, Permit]]:
    try:
        pattern = re.compile(section)
    except re.error as error:
        raise ConfigError(reason=f"Property protection [{section}] is no regular expression: {error}.") from error
    permits = {}
    for operation in OPERATIONS:
        if not parser.has_option(section, operation):
            raise ConfigError(reason=f"Property protection [{section}] lacks {operation}.")
        values = [value.strip() for value in parser.get(section, operation).split(",") if value.strip()]
        permits[operation] = _permit(section, operation, values, form, policy)
    return pattern, permits


def _permit(section: str, operation: str, values: list[str], form: str, policy: Policy) -> Permit:
    if "@" in values and "!" in values:
        raise ConfigError(reason=f"Property protection [{section}] {operation} says both @ and !.")
    if "@" in values:
        return lambda context: True
    if not values:
        log.warning("Property protection [%s] %s names nobody: nobody may.", section, operation)
    if "!" in values or not values:
        return lambda context: False
    if form == "roles":
        wanted = frozenset(value.lower() for value in values)
        return lambda context: not wanted.isdisjoint((*context.roles, *context.service_roles))
    if len(values) > 1:
        raise ConfigError(reason=f"Property protection [{section}] {operation} must name one policy rule, not several.")
    check = policy.parse(f"property protection [{section}] {operation}", values[0])
    return lambda context: check(context, {"project_id": context.project_id, "owner": context.project_id})
