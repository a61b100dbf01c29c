"""apache-libcloud: what its image API has, and the rest of the job through the driver's image connection."""

from clients.cloud import HERE, Cloud, Disk, Run, client


def test_libcloud_does_the_whole_job(run: Run, cloud: Cloud, name: str, disk: Disk) -> None:
    python = client("libcloud", "apache-libcloud==3.9.1") / "python"
    more = [cloud.owner.create(name=f"{name}-{number}")["id"] for number in range(30)]  # more than a page

    assert run(python, HERE / "programs/libcloud_images.py", name, disk.path) == "done\n"

    for image_id in more:
        assert cloud.owner.delete(f"/v2/images/{image_id}").status == 204
