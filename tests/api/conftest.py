"""Services with settings of their own, for stories that the shared one cannot tell."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import Api, Service, make_service, running

SMALL = {
    "IMAGE_TAG_QUOTA": "2",
    "IMAGE_PROPERTY_QUOTA": "2",
    "IMAGE_SIZE_CAP": "4000",
    "USER_STORAGE_QUOTA": "6000 B",
    "LIMIT_PARAM_DEFAULT": "3",
    "API_LIMIT_MAX": "5",
    "SHOW_IMAGE_DIRECT_URL": "true",
    "IMAGE_FORMAT_REQUIRE_IMAGE_FORMAT_MATCH": "false",
}


@pytest.fixture(scope="session", params=["together", "apart"])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Api]]:
    """Makes callers, each of a project of their own, of a service where every limit is near."""
    data_dir = tmp_path_factory.mktemp(f"small-{request.param}") / "data"
    with running(make_service(data_dir, request.param, **SMALL)) as service:
        yield lambda: Api(service.url)


@pytest.fixture
def open_service(tmp_path: Path) -> Iterator[Service]:
    """A service that lets callers without credentials read."""
    ini = Path(__file__).parents[2] / "etc/api-paste.ini"
    copy = tmp_path / "api-paste.ini"
    copy.write_text(ini.read_text().replace("allow_anonymous_access = false", "allow_anonymous_access = true"))
    with running(make_service(tmp_path / "data", PASTE_DEPLOY_CONFIG_FILE=str(copy))) as service:
        yield service
