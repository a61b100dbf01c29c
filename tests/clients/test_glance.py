"""python-glanceclient: the `glance` command and the library."""

from pathlib import Path

import pytest
from clients.cloud import HERE, Caller, Cloud, Disk, Run, client


@pytest.fixture(scope="session")
def bin_folder() -> Path:
    return client("glanceclient", "python-glanceclient==4.13.0")


def test_the_glance_command_does_the_whole_job(
    bin_folder: Path, run: Run, cloud: Cloud, name: str, disk: Disk, tmp_path: Path
) -> None:
    def glance(caller: Caller, *words: object, fails: bool = False) -> str:
        login = ("--os-auth-token", caller.token, "--os-image-url", cloud.url)
        return run(bin_folder / "glance", *login, *words, fails=fails)

    owner, partner = cloud.owner, cloud.partner
    formats = ("--disk-format", "raw", "--container-format", "bare")
    made = glance(owner, "image-create", "--name", name, "--file", disk.path, *formats, "--property", "a=1")
    assert disk.md5 in made
    image_id = owner.list(f"name={name}")[0]["id"]
    assert owner.show(image_id)["os_hash_value"] == disk.sha512

    assert image_id in glance(owner, "image-list", "--property-filter", f"name={name}", "--sort", "name:asc")
    assert image_id not in glance(owner, "image-list", "--property-filter", "status=queued")
    assert disk.md5 in glance(owner, "image-show", image_id)

    glance(owner, "image-update", image_id, "--property", "b=2", "--remove-property", "a", "--min-ram", "64")
    glance(owner, "image-tag-update", image_id, "blue")
    image = owner.show(image_id)
    assert (image["b"], image["min_ram"], image["tags"], "a" in image) == ("2", 64, ["blue"], False)
    glance(owner, "image-tag-delete", image_id, "blue")
    assert owner.show(image_id)["tags"] == []

    glance(partner, "image-show", image_id, fails=True)
    assert "pending" in glance(owner, "member-create", image_id, partner.project)
    assert "accepted" in glance(partner, "member-update", image_id, partner.project, "accepted")
    assert partner.project in glance(owner, "member-list", "--image-id", image_id)
    assert image_id in glance(partner, "image-list", "--visibility", "shared")

    glance(partner, "image-download", image_id, "--file", tmp_path / "copy.raw")
    assert (tmp_path / "copy.raw").read_bytes() == disk.path.read_bytes()
    glance(owner, "member-delete", image_id, partner.project)
    glance(partner, "image-show", image_id, fails=True)

    glance(owner, "image-deactivate", image_id)
    assert owner.show(image_id)["status"] == "deactivated"
    glance(owner, "image-reactivate", image_id)
    glance(owner, "image-delete", image_id)
    glance(owner, "image-show", image_id, fails=True)


def test_the_glance_command_chooses_a_store(bin_folder: Path, run: Run, cloud: Cloud, name: str, disk: Disk) -> None:
    def glance(*words: object, fails: bool = False) -> str:
        login = ("--os-auth-token", cloud.owner.token, "--os-image-url", cloud.url)
        return run(bin_folder / "glance", *login, *words, fails=fails)

    assert '"id": "cheap"' in glance("stores-info")
    image_id = cloud.owner.create(name=name)["id"]
    glance("image-upload", image_id, "--file", disk.path, "--store", "cheap")
    assert cloud.owner.show(image_id)["stores"] == "cheap"
    glance("stores-delete", image_id, "--store", "cheap", fails=True)  # for administrators
    glance("image-delete", image_id)


def test_the_library_does_the_whole_job(bin_folder: Path, run: Run, name: str, disk: Disk) -> None:
    assert run(bin_folder / "python", HERE / "programs/glance_library.py", name, disk.path) == "done\n"
