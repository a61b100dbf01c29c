"""Fixtures that every test may use: a running service, together and apart, and callers of it."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import KIND, mariadb_url, new_url, on_chosen_database, postgres_url  # noqa: F401 - fixtures
from harness import Api, Service, make_service, running

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script: processes would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", params=["together", "apart"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that the whole session shares, API and registry in one process and in two."""
    with running(make_service(tmp_path_factory.mktemp(request.param) / "data", request.param)) as started:
        yield started


@pytest.fixture
def api(service: Service) -> Api:
    """A member of a project that no other test knows."""
    return Api(os.environ.get("GLANCELITE_URL") or service.url)


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services with settings of their own; they end with the test. Arguments as `make_service`'s."""
    started: list[Service] = []

    def start(name: str = "data", **settings: object) -> Service:
        service = make_service(tmp_path / name, **settings)  # type: ignore[arg-type]
        started.append(service)
        return service.start()

    yield start
    for service in started:
        service.kill()


# Tests that need a program of the system, or another database: left out, and said so at the end -----------------------

MISSING: dict[str, list[str]] = {}
ELSEWHERE: dict[str, list[str]] = {}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(program, …): collected only where these programs are installed")
    config.addinivalue_line("markers", "only_on(kind, …): collected only where GLANCELITE_TEST_DB names one of these")
    config.addinivalue_line("markers", "slow: left to `make test-all`")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    import shutil

    kept, dropped = [], []
    for item in items:
        # Where hundreds of cases take the same way, that way is taken in two daemons by `make test-all` only.
        if getattr(getattr(item, "module", None), "APART_IS_SLOW", False) and "apart" in item.name:
            item.add_marker(pytest.mark.slow)
        programs = [name for mark in item.iter_markers("needs") for name in mark.args]
        missing = [name for name in programs if not (shutil.which(name) or Path(name).exists())]
        for name in missing:
            MISSING.setdefault(name, []).append(item.nodeid)
        homes = {kind for mark in item.iter_markers("only_on") for kind in mark.args}
        is_elsewhere = bool(homes) and KIND not in homes
        if is_elsewhere:
            ELSEWHERE.setdefault(" and ".join(sorted(homes)), []).append(item.nodeid)
        (dropped if missing or is_elsewhere else kept).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    for name, tests in sorted(MISSING.items()):
        count = len(set(tests))  # each process that runs tests has left them out
        terminalreporter.write_line(f"left out, because {name} is not installed: {count} test(s)")
    for kinds, tests in sorted(ELSEWHERE.items()):
        terminalreporter.write_line(f"left out of a run on {KIND}, being about {kinds}: {len(set(tests))} test(s)")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """What a process that ran tests beside this one left out."""
    output = getattr(node, "workeroutput", {})
    for key, left_out in (("missing", MISSING), ("elsewhere", ELSEWHERE)):
        for name, tests in output.get(key, {}).items():
            left_out.setdefault(name, []).extend(tests)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where everything must be there (CI), a test left out is a failure."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output |= {"missing": MISSING, "elsewhere": ELSEWHERE}
    elif MISSING and os.environ.get("GLANCELITE_TEST_COMPLETE") and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
