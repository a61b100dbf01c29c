"""A database that cannot keep every name is refused at the start, not at the first odd name."""

import pytest
from databases import POSTGRES, new_database

from glancelite.errors import ConfigError
from glancelite.registry.database import open_database
from glancelite.registry.local import LocalRegistry


@pytest.mark.slow
@pytest.mark.needs(POSTGRES)
def test_a_postgresql_database_of_another_encoding_is_refused_with_the_cure(postgres_url: str) -> None:
    registry = LocalRegistry(open_database(new_database(postgres_url, "SQL_ASCII"), 2))
    with pytest.raises(ConfigError, match=r"encoding is SQL_ASCII; make it with: CREATE DATABASE .* ENCODING 'UTF8'"):
        registry.upgrade()
    registry.close()
