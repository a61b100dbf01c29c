"""apache-libcloud. It reads, changes and shares images; creating, data and deleting are not in its image API."""

from clients.cloud import HERE, Cloud, Disk, Run, environment_of


def test_libcloud_reads_changes_and_shares(run: Run, cloud: Cloud, name: str, disk: Disk) -> None:
    python = environment_of("libcloud", "apache-libcloud==3.9.1") / "python"
    image = cloud.owner.create_with(disk.path.read_bytes(), name=name)
    more = [cloud.owner.create(name=f"{name}-{number}")["id"] for number in range(30)]  # more than a page

    assert run(python, HERE / "programs/libcloud_images.py", image["id"]) == "done\n"

    assert cloud.owner.show(image["id"])["name"] == "renamed"
    for image_id in (image["id"], *more):
        assert cloud.owner.delete(f"/v2/images/{image_id}").status == 204
