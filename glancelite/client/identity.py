"""Asks Keystone what the client must know of projects: which one the login acts in, and which one a name means."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from .errors import ProjectUnknown, Refused

Ask = Callable[[str, dict[str, str]], Any]


class Identity:
    """The Keystone that a login is known to. `ask` gets a document below its v3, or raises one of our errors."""

    def __init__(self, ask: Ask, own_project: Callable[[], str | None], image_region: Callable[[], str | None]) -> None:
        self._ask, self._own_project, self._image_region = ask, own_project, image_region

    def own_project(self) -> str | None:
        """The project that the login acts in."""
        return self._own_project()

    def image_region(self) -> str | None:
        """The region that the image service is in."""
        return self._image_region()

    def find_project(self, reference: str, domain: str | None = None) -> str:
        """The ID of the project with this ID or name.

        Who may not look at projects, as most may not, must mean an ID: it is taken as it is.
        """
        try:
            within = {"domain_id": self._find("domain", domain, {})} if domain else {}
            return self._find("project", reference, within)
        except Refused as refused:
            if refused.status == 403:
                return reference
            raise

    def _find(self, kind: str, reference: str, within: dict[str, str]) -> str:
        found = self._by_id(kind, reference)
        if found is not None and all(found.get(key) == value for key, value in within.items()):
            return str(found["id"])
        answer = self._ask(f"/{kind}s", {"name": reference, **within})
        ids = [str(each["id"]) for each in answer[f"{kind}s"]]
        if len(ids) == 1:
            return ids[0]
        if ids:
            raise ProjectUnknown(
                f"{len(ids)} {kind}s have the name '{reference}'; give the ID of one: {', '.join(ids)}."
            )
        raise ProjectUnknown(f"Keystone knows no {kind} with the name or ID '{reference}'.")

    def _by_id(self, kind: str, reference: str) -> dict[str, Any] | None:
        try:
            found = self._ask(f"/{kind}s/{quote(reference, safe='')}", {})[kind]
            return found if isinstance(found, dict) else None
        except Refused as refused:
            if refused.status in (400, 403, 404):
                return None
            raise
