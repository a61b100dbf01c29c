"""Nova's own module for images."""

from clients.cloud import HERE, Disk, Run, client


def test_nova_snapshots_and_boots(run: Run, name: str, disk: Disk) -> None:
    python = client("nova", "nova==34.0.0") / "python"
    assert run(python, HERE / "programs/nova_images.py", name, disk.path) == "done\n"
