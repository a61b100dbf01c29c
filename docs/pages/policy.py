"""The policy rules, from their table."""

from docs.pages.markdown import code, compose, manual, table
from glancelite.api.operations import OPERATIONS
from glancelite.domain import policy
from glancelite.domain.rules import RULES, Rule

INTRO = """
A rule decides who may do something. It is asked with the roles, user and project of the caller, and with the
image's owner and visibility. Whoever may not see an image at all never comes as far as a rule: for them it
does not exist (404).

Where `[oslo_policy] enforce_new_defaults` is `false`, what stands under *Enough before* is enough too, unless a policy
file has the rule.
"""


def page() -> str:
    """docs/reference/policy.md"""
    rows = [
        (code(rule.name), rule.protects, _operations(rule), code(rule.default) or "everybody", code(rule.before))
        for rule in RULES
    ]
    rules = table(("Rule", "What it protects", "Operations", "Default", "Enough before"), rows)
    language = "## The language of rules\n\n" + manual(policy).partition("\n\n")[2]
    return compose("Policy", "glancelite/domain/rules.py", INTRO, rules, language)


def _operations(rule: Rule) -> str:
    return ", ".join(code(operation.name) for operation in OPERATIONS if operation.rule == rule.name)
