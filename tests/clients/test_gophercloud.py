"""gophercloud, as Debian packages it, in a small program of ours."""

import os
import subprocess
from pathlib import Path

import pytest
from clients.cloud import CACHE, HERE, Disk, Run

SOURCES = "/usr/share/gocode/src/github.com/gophercloud/gophercloud/openstack/imageservice/v2/images"


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("gophercloud") / "images"
    env = {"PATH": os.environ["PATH"], "HOME": str(made.parent), "GOPATH": "/usr/share/gocode", "GO111MODULE": "off"}
    env |= {"GOCACHE": str(CACHE / "go"), "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", made, HERE / "gophercloud/main.go"], env=env, check=True)
    return made


@pytest.mark.needs("go", SOURCES)
def test_gophercloud_does_the_whole_job(program: Path, run: Run, name: str, disk: Disk) -> None:
    assert run(program, name, disk.path) == "done\n"
