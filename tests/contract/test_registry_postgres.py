"""The registry on PostgreSQL, where many write at once."""

from collections.abc import Iterator

import pytest
from contract.registry_contract import RegistryContract
from databases import POSTGRES, new_database

from glancelite.domain.ports import Registry
from glancelite.registry.database import open_database
from glancelite.registry.local import LocalRegistry

pytestmark = [pytest.mark.needs(POSTGRES), pytest.mark.slow]


@pytest.fixture
def local(postgres_url: str) -> Iterator[LocalRegistry]:
    registry = LocalRegistry(open_database(new_database(postgres_url), 32))
    registry.upgrade()
    yield registry
    registry.close()


class TestPostgresRegistry(RegistryContract):
    @pytest.fixture
    def registry(self, local: LocalRegistry) -> Registry:
        return local
