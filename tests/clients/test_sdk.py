"""openstacksdk, the newest and the one of 2025."""

import pytest
from clients.cloud import HERE, Disk, Run, client


@pytest.mark.parametrize("version", ["4.22.0", "4.4.*"])
def test_the_sdk_does_the_whole_job(version: str, run: Run, name: str, disk: Disk) -> None:
    python = client(f"openstacksdk-{version.removesuffix('.*')}", f"openstacksdk=={version}") / "python"
    assert run(python, HERE / "programs/sdk.py", name, disk.path) == "done\n"
