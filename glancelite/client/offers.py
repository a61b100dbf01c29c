"""What a service says that it offers: ways to import, stores, quotas, schemas and versions."""

from typing import Any
from urllib.parse import quote

from .errors import BadAnswer, NotOffered, Refused
from .transport import Transport


class Offers:
    """What one service offers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def import_methods(self) -> list[str]:
        """The import methods; NotOffered where the service knows of no imports."""
        found = self._ask("/v2/info/import", "The service offers no imports.").get("import-methods")
        methods = found.get("value") if isinstance(found, dict) else None
        if not isinstance(methods, list):
            raise BadAnswer(f"What answers at {self._transport.endpoint} does not speak the Image API.")
        return [str(method) for method in methods]

    def require_method(self, method: str) -> None:
        """Raise NotOffered, with those that are there, unless this import method is."""
        methods = self.import_methods()
        if method not in methods:
            others = f"only {', '.join(methods)}" if methods else "nor any other"
            raise NotOffered(f"The service does not offer the import method {method}, {others}.")

    def stores(self, has_details: bool = False) -> list[dict[str, Any]]:
        """The stores; NotOffered where the service does not speak of several."""
        path = "/v2/info/stores" + ("/detail" if has_details else "")
        found = self._ask(path, "The service does not speak of several stores.").get("stores")
        if not isinstance(found, list):
            raise BadAnswer(f"What answers at {self._transport.endpoint} does not speak the Image API.")
        return found

    def usage(self) -> dict[str, dict[str, int]]:
        """Limit and usage of the caller's project, for each quota; NotOffered where the service keeps none."""
        found = self._ask("/v2/info/usage", "The service does not tell of quotas.").get("usage")
        if not isinstance(found, dict):
            raise BadAnswer(f"What answers at {self._transport.endpoint} does not speak the Image API.")
        return found

    def schema(self, name: str) -> dict[str, Any]:
        """The JSON schema of this name; NotOffered where there is none."""
        return self._ask(f"/v2/schemas/{quote(name, safe='/')}", f"The service has no schema '{name}'.")

    def versions(self) -> list[dict[str, Any]]:
        """The versions of the API."""
        found = self._ask("/versions", "The service does not tell its versions.").get("versions")
        if not isinstance(found, list):
            raise BadAnswer(f"What answers at {self._transport.endpoint} does not speak the Image API.")
        return found

    def _ask(self, path: str, otherwise: str) -> dict[str, Any]:
        try:
            answer = self._transport.request("GET", path)
        except Refused as refused:
            if refused.status == 404:
                raise NotOffered(otherwise) from refused
            raise
        return answer if isinstance(answer, dict) else {}
