"""Ansible with the collection openstack.cloud: images present, absent, inactive, and looked at.

The collection has no module that shares an image, accepts one or reads its data: it only lists whom it is shared with.
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from clients.cloud import HERE, PASSWORD, Cloud, Disk, Run, client

ALL_COLLECTIONS = "12.3.0"
"""The release of the package of all collections; ours is in no smaller one."""
OURS = "ansible_collections/openstack/cloud/"


@pytest.fixture(scope="session")
def bin_folder() -> Path:
    packages = ("ansible-core==2.19.14", "openstacksdk==4.7.*")
    return client(f"ansible-{ALL_COLLECTIONS}", *packages, finish=_add_collection)


def _add_collection(folder: Path) -> None:
    """Take our collection out of the package of all, which is a hundred times as large."""
    with tempfile.TemporaryDirectory() as place:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*pip, "--dest", place, f"ansible=={ALL_COLLECTIONS}"], check=True)
        with zipfile.ZipFile(next(Path(place).glob("*.whl"))) as package:
            ours = [name for name in package.namelist() if name.startswith(OURS)]
            package.extractall(folder / "collections", ours)


def test_ansible_keeps_images_as_a_playbook_says(
    bin_folder: Path, run: Run, cloud: Cloud, name: str, disk: Disk, tmp_path: Path
) -> None:
    auth = {"username": "owner", "password": PASSWORD, "endpoint": cloud.url}
    owner = {"auth_type": "http_basic", "auth": auth, "image_endpoint_override": cloud.url}
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"owner": owner}}))
    facts = {"name": name, "file": str(disk.path), "md5": disk.md5, "sha512": disk.sha512, "size": disk.size}
    facts |= {"ansible_python_interpreter": str(bin_folder / "python")}
    kept = cloud.owner.create_with(b"x", name=f"{name}-kept")
    cloud.owner.post(f"/v2/images/{kept['id']}/members", {"member": cloud.partner.project})
    facts |= {"shared": kept["id"], "partner": cloud.partner.project}

    words = ("--connection", "local", "--inventory", "localhost,", "--extra-vars", json.dumps(facts))
    variables = {
        "ANSIBLE_COLLECTIONS_PATH": str(bin_folder.parent / "collections"),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml"),
    }
    out = run(bin_folder / "ansible-playbook", *words, HERE / "programs/images.yml", **variables)

    assert "failed=0" in out
    assert [image["id"] for image in cloud.owner.list("limit=1000") if image["name"].startswith(name)] == [kept["id"]]
