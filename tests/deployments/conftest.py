"""glancelite installed where an unprivileged user can read it, and web servers that serve it from there."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployments import apache, uwsgi
from deployments.site import Site

ROOT = Path(__file__).parents[2]
NOT_SERVED = ("__editable__*", "mypy*", "ruff*", "pip*", "grimp*", "pygments*", "rich*", "__pycache__")


@pytest.fixture(scope="session")
def installed() -> Iterator[Path]:
    """A directory with `venv`, which the system's Python made: this environment's packages, glancelite and its etc.

    A test's own directory, a checkout or a home may be closed to other users.
    """
    with tempfile.TemporaryDirectory(prefix="glancelite-sites-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        place.chmod(0o755)
        python = "/usr/bin/python{}.{}".format(*sys.version_info)
        subprocess.run([python, "-m", "venv", "--without-pip", place / "venv"], check=True, timeout=60)
        packages = next((place / "venv/lib").glob("python3*/site-packages"))
        unserved = shutil.ignore_patterns(*NOT_SERVED)
        for source in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            shutil.copytree(source, packages, copy_function=_link, ignore=unserved, dirs_exist_ok=True)
        shutil.copytree(ROOT / "glancelite", packages / "glancelite", ignore=unserved, dirs_exist_ok=True)
        shutil.copytree(ROOT / "etc", place / "venv/etc/glancelite")
        yield place


def _link(source: str, target: str) -> None:
    """Links are made in an instant; where the directory is on another disk, the file is copied."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def start_site(installed: Path) -> Iterator[Callable[..., Any]]:
    """Starts a site of this class with these settings; it ends with the module's tests."""
    started: list[Site] = []

    def start(kind: Callable[..., Any], **settings: Any) -> Any:
        place = Path(tempfile.mkdtemp(prefix="site-", dir=installed))
        place.chmod(0o755)
        (place / "venv").symlink_to(installed / "venv")
        site = kind(place, **settings)
        started.append(site)
        return site.start()

    yield start
    for site in started:
        site.terminate()
    for site in started:
        site.wait()


SITES = {
    "apache": (apache.Apache, {}, apache.NEEDS),
    "apache, apart": (apache.Apache, {"is_apart": True}, apache.NEEDS),
    "apache that sends files": (apache.ApacheSendingFiles, {}, apache.NEEDS_FOR_FILES),
    "nginx and uwsgi": (uwsgi.NginxUwsgi, {}, uwsgi.NEEDS),
    "nginx that sends files": (uwsgi.NginxSendingFiles, {}, uwsgi.NEEDS),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.needs(*needs)) for name, (_, _, needs) in SITES.items()],
)
def site(request: pytest.FixtureRequest, start_site: Callable[..., Any]) -> Any:
    """Each of the documented deployments."""
    kind, settings, _ = SITES[request.param]
    return start_site(kind, **settings)
