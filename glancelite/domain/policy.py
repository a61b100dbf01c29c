"""The rule language: parse a rule, decide it for a caller and a target.

A rule is checks joined by `and`, `or`, `not` and parentheses. A check is `role:NAME`, `rule:NAME`,
`project_id:%(KEY)s` (or `user_id:`), `is_admin:True`, `'TEXT':%(KEY)s`, `@` (always), `!` (never); the empty rule
allows all. It is the language of OpenStack policy files, as far as image policies use it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ActionForbidden, ConfigError
from .context import Context
from .rules import RULES, Rule

Target = Mapping[str, Any]
Check = Callable[[Context, Target], bool]

_TOKEN = re.compile(r"\s*(\(|\)|'[^']*':%\(\w+\)s|\"[^\"]*\":%\(\w+\)s|[\w.]+:%\(\w+\)s|[^\s()]+)")
_REFERENCE = re.compile(r"^%\((\w+)\)s$")


class Policy:
    """The rules in force: the defaults of `rules.py` with `overrides` by name. Unless `only_new` is set, what was
    enough before is enough still, but for rules that are overridden.
    """

    def __init__(self, overrides: Mapping[str, str] | None = None, *, only_new: bool = True) -> None:
        self.texts = {rule.name: _default(rule, only_new) for rule in RULES} | dict(overrides or {})
        """Every rule by its name."""
        self.references: dict[str, list[str]] = {}
        """Rules by the name of the rule that refers to them."""
        self._checks = {name: _Parser(name, text, self).parse() for name, text in self.texts.items()}
        for name in self.texts:
            self._refuse_circle(name, ())

    def _refuse_circle(self, name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise ConfigError(reason=f"Policy rules refer to each other in a circle: {', '.join((*trail, name))}.")
        for other in self.references.get(name, ()):
            self._refuse_circle(other, (*trail, name))

    def allows(self, context: Context, rule: str, target: Target) -> bool:
        """Does the rule let this caller do it to this target?"""
        return self._checks[rule](context, target)

    def require(self, context: Context, rule: str, target: Target) -> None:
        """Raise ActionForbidden (403) unless the rule allows it."""
        if not self.allows(context, rule, target):
            raise ActionForbidden(rule=rule)

    def explain(self, context: Context, rule: str, target: Target) -> dict[str, bool]:
        """What each check of a rule says of this caller and target."""
        tokens = (match.group(1) for match in _TOKEN.finditer(self.texts[rule]))
        checks = dict.fromkeys(token for token in tokens if token.lower() not in ("(", ")", "and", "or", "not"))
        return {token: _Parser(rule, token, self).parse()(context, target) for token in checks}

    def parse(self, name: str, text: str) -> Check:
        """A rule that stands elsewhere: the name of one of these, or an expression."""
        return _Parser(name, f"rule:{text}" if text in self.texts else text, self).parse()

    def knows(self, rule: str) -> bool:
        return rule in self.texts


def _default(rule: Rule, only_new: bool) -> str:
    return rule.default if only_new or not rule.before else f"({rule.default}) or ({rule.before})"


class _Parser:
    """Recursive descent over the tokens of one rule; `or` binds weakest, then `and`, then `not`."""

    def __init__(self, name: str, text: str, policy: Policy) -> None:
        self._name, self._policy, self._text = name, policy, text
        self._tokens = [match.group(1) for match in _TOKEN.finditer(text)]
        self._at = 0

    def parse(self) -> Check:
        if not self._text.strip():
            return _always
        check = self._either()
        if self._at < len(self._tokens):
            raise self._wrong(self._tokens[self._at])
        return check

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> str:
        token = self._peek()
        if token is None:
            raise self._wrong("its end")
        self._at += 1
        return token

    def _either(self) -> Check:
        parts = [self._all()]
        while (self._peek() or "").lower() == "or":
            self._take()
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda c, t: any(part(c, t) for part in parts)

    def _all(self) -> Check:
        parts = [self._one()]
        while (self._peek() or "").lower() == "and":
            self._take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda c, t: all(part(c, t) for part in parts)

    def _one(self) -> Check:
        token = self._take()
        if token.lower() == "not":
            inner = self._one()
            return lambda c, t: not inner(c, t)
        if token == "(":
            inner = self._either()
            if self._take() != ")":
                raise self._wrong("a missing ')'")
            return inner
        return self._check(token)

    def _check(self, token: str) -> Check:
        if token == "@":
            return _always
        if token == "!":
            return lambda c, t: False
        kind, colon, match = token.partition(":")
        if not colon:
            raise self._wrong(token)
        if kind == "role":
            return _role(match)
        if kind == "rule":
            policy = self._policy
            if not policy.knows(match):
                raise ConfigError(reason=f"Policy rule '{self._name}' refers to rule:{match}, which there is not.")
            policy.references.setdefault(self._name, []).append(match)
            return lambda c, t: policy.allows(c, match, t)
        if kind == "is_admin":
            return lambda c, t: c.is_admin == (match.lower() == "true")
        return _comparison(kind, match)

    def _wrong(self, token: str) -> ConfigError:
        return ConfigError(reason=f"Policy rule '{self._name}' is not understood at {token}: {self._text}")


def _always(context: Context, target: Target) -> bool:
    return True


def _role(name: str) -> Check:
    wanted = name.lower()
    return lambda context, target: wanted in context.roles


def _comparison(kind: str, match: str) -> Check:
    """`KIND:%(key)s` or `KIND:text`; what is unknown on either side equals nothing."""
    reference = _REFERENCE.match(match)

    def expected(target: Target) -> Any:
        return target.get(reference.group(1)) if reference else match

    if kind[:1] in "'\"":
        literal = kind.strip("'\"")
        return lambda context, target: expected(target) == literal
    if kind in ("project_id", "tenant_id", "tenant", "user_id", "user"):
        attribute = "user_id" if kind.startswith("user") else "project_id"

        def compare(context: Context, target: Target) -> bool:
            own = getattr(context, attribute)
            return own is not None and own == expected(target)

        return compare
    return lambda context, target: False
