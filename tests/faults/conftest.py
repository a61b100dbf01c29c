"""Fixtures of the fault tests: services that faults can be put into."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.remote import Remote
from faults.rig import THREE_STORES, Rig


@pytest.fixture
def start_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Starts services under the launcher; they end with the test."""
    rigs: list[Rig] = []

    def start(deployment: str = "together", **settings: Any) -> Rig:
        rig = Rig.make(tmp_path / f"data{len(rigs)}", deployment, **settings)
        rigs.append(rig)
        rig.service.start()
        return rig

    yield start
    for rig in rigs:
        rig.service.kill()


@pytest.fixture
def rig(start_rig: Callable[..., Rig]) -> Rig:
    """A service of one's own, API and registry in one process."""
    return start_rig()


@pytest.fixture(scope="module")
def shared_rig_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Rig]]:
    """Services that a module's tests share, one a deployment; after all they went through, fsck finds nothing."""
    rigs: dict[str, Rig] = {}

    def find(deployment: str) -> Rig:
        if deployment not in rigs:
            rigs[deployment] = Rig.make(tmp_path_factory.mktemp("shared") / "data", deployment)
            rigs[deployment].service.start()
            assert rigs[deployment].api.get("/v2/images").status == 200  # by now its database has its tables
        return rigs[deployment]

    yield find
    try:
        for rig in rigs.values():
            rig.wait_settled()
            rig.assert_clean()
    finally:
        for rig in rigs.values():
            rig.service.kill()


@pytest.fixture(params=["together", pytest.param("apart", marks=pytest.mark.slow)])
def shared_rig(request: pytest.FixtureRequest, shared_rig_of: Callable[[str], Rig]) -> Iterator[Rig]:
    """A service that goes on, together and apart; no fault that a test has armed outlives it."""
    rig = shared_rig_of(request.param)
    yield rig
    rig.disarm()


@pytest.fixture(scope="module")
def import_rig_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Rig]]:
    """As `shared_rig_of`, with several stores."""
    rigs: dict[str, Rig] = {}

    def find(deployment: str) -> Rig:
        if deployment not in rigs:
            settings = THREE_STORES | {"REGISTRY_COMMIT_PATIENCE": "5"}  # nobody waits long for the dead
            rigs[deployment] = Rig.make(tmp_path_factory.mktemp("imports") / "data", deployment, **settings)
            rigs[deployment].service.start()
            assert rigs[deployment].api.get("/v2/images").status == 200  # by now its database has its tables
        return rigs[deployment]

    yield find
    try:
        for rig in rigs.values():
            rig.wait_settled()
            rig.assert_clean()
    finally:
        for rig in rigs.values():
            rig.service.kill()


@pytest.fixture(params=["together", pytest.param("apart", marks=pytest.mark.slow)])
def import_rig(request: pytest.FixtureRequest, import_rig_of: Callable[[str], Rig]) -> Iterator[Rig]:
    """A service with several stores that goes on, together and apart."""
    rig = import_rig_of(request.param)
    yield rig
    rig.disarm()


@pytest.fixture
def remote() -> Iterator[Remote]:
    """A place on the web."""
    remote = Remote()
    yield remote
    remote.close()
