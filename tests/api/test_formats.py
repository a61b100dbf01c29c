"""What data may look like, and what comes of data that looks otherwise."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from api import disks
from api.wicked import HONEST, WICKED
from harness import Api, Reply

from glancelite.cli.host.qcow2 import write_qcow2

APART_IS_SLOW = True

MIB = 1 << 20
FOREIGN = disks.descriptor("monolithicFlat", 'RW 20480 FLAT "/etc/passwd" 0')


def upload(api: Api, data: object, disk_format: str, container_format: str = "bare") -> tuple[Reply, str]:
    image = api.create(disk_format=disk_format, container_format=container_format)
    return api.upload(image["id"], data), image["id"]


@pytest.mark.parametrize(
    ("disk_format", "data", "virtual_size"),
    [
        ("qcow2", disks.qcow2(virtual_size=3 * MIB), 3 * MIB),
        ("qcow2", disks.qcow2(version=2, virtual_size=5), 5),
        ("vmdk", disks.vmdk(), MIB),
        ("vdi", disks.vdi(7 * MIB), 7 * MIB),
        ("vhd", disks.vhd(9 * MIB), 9 * MIB),
        ("vhdx", disks.vhdx(11 * MIB), 11 * MIB),
        ("iso", disks.iso(30), 30 * 2048),
        ("iso", disks.iso(30, is_hybrid=True), 30 * 2048),
        ("raw", b"anything" * 100, 800),
        ("raw", disks.gpt(), 2048),
        ("raw", disks.qcow2(virtual_size=3 * MIB, length=2000), 2000),
        ("ami", b"anything", 8),
        ("ploop", bytes(3000), 3000),
    ],
)
def test_data_in_the_declared_format_is_taken_and_its_disk_measured(
    api: Api, disk_format: str, data: bytes, virtual_size: int
) -> None:
    for body in (data, iter([data[:100], data[100:]])):
        reply, image_id = upload(api, body, disk_format)
        assert reply.status == 204, reply.text
        assert api.show(image_id)["virtual_size"] == virtual_size


@pytest.mark.parametrize(
    ("disk_format", "data", "looks_like"),
    [
        ("qcow2", b"no qcow2 at all", "raw"),
        ("qcow2", disks.vmdk(), "vmdk"),
        ("vmdk", disks.qcow2(), "qcow2"),
        ("iso", disks.gpt(), "gpt"),
        ("vhd", disks.vhdx(), "vhdx"),
        ("vhdx", disks.vhd(), "vhd"),
        ("vdi", bytes(1000), "raw"),
        ("ami", disks.qcow2(), "qcow2"),
        ("ploop", disks.vdi(), "vdi"),
        ("aki", disks.iso(), "iso"),
    ],
)
def test_data_in_another_format_is_refused_for_bare_and_only_for_bare(
    api: Api, disk_format: str, data: bytes, looks_like: str
) -> None:
    reply, image_id = upload(api, data, disk_format)
    assert reply.status == 415
    assert f"is declared as {disk_format}, but its content looks like {looks_like}" in reply.json["message"]
    assert "Accept-Patch" not in reply.headers
    assert api.show(image_id)["status"] == "queued"
    assert upload(api, data, disk_format, "ovf")[0].status == 204


UNSAFE = {
    "backing file": disks.qcow2(backing="/etc/passwd"),
    "backing file of version 2": disks.qcow2(version=2, backing="/etc/passwd"),
    "backing file in less than a sector": disks.qcow2(backing="/etc/passwd", length=200),
    "external data file": disks.qcow2(incompatible=4),
    "unknown feature": disks.qcow2(incompatible=16),
    "unknown version": disks.qcow2(version=1),
    "foreign extents": FOREIGN,
    "foreign path in a sparse VMDK": disks.vmdk(extent='RW 2048 SPARSE "/etc/passwd"'),
    "subformat of VMDK": disks.vmdk(kind="vmfs"),
    "no extents": disks.vmdk(extent=""),
    "qed": disks.qed(),
    "qed in less than a sector": disks.qed()[:100],
    "partition that boots oddly": disks.gpt(boot_flag=1),
    "no partitions": disks.gpt(kind=0),
    "qcow2 and ISO at once": disks.qcow2(length=32 << 10) + disks.iso()[32 << 10 :],
    "VMDK and ISO at once": disks.vmdk().ljust(32 << 10, b"\0") + disks.iso()[32 << 10 :],
    "qcow2 and partitions at once": disks.qcow2(length=510) + b"\x55\xaa",
}


@pytest.mark.parametrize(("disk_format", "container_format"), [("raw", "bare"), ("raw", "ovf"), ("qcow2", "bare")])
@pytest.mark.parametrize("what", UNSAFE)
def test_unsafe_data_is_refused_whatever_was_declared(
    api: Api, what: str, disk_format: str, container_format: str
) -> None:
    reply, image_id = upload(api, UNSAFE[what], disk_format, container_format)
    assert reply.status == 415
    assert f"Image {image_id} failed safety checks: " in reply.json["message"]


@pytest.mark.parametrize("container_format", ["bare", "ovf"])
@pytest.mark.parametrize("disk_format", ["raw", "qcow2", "vhd", "vhdx", "vdi", "vmdk"])
def test_headers_that_lead_elsewhere_are_refused_and_leave_nothing(
    api: Api, disk_format: str, container_format: str
) -> None:
    image = api.create(disk_format=disk_format, container_format=container_format)
    names = [name for name in WICKED if disk_format in ("raw", name.partition(":")[0])]
    assert names
    for name in names:
        reply = api.upload(image["id"], WICKED[name][0])
        assert (name, reply.status) == (name, 415)
        assert f"Image {image['id']} failed safety checks: " in reply.json["message"]
    assert (api.show(image["id"])["status"], api.get(image["file"]).status) == ("queued", 204)
    good = HONEST.get(disk_format, b"raw")
    assert api.upload(image["id"], good).status == 204
    assert api.get(image["file"]).body == good


def test_a_raw_disk_with_a_footer_is_a_vhd_or_raw_as_it_is_called(api: Api) -> None:
    for content in (bytes(MIB), disks.gpt().ljust(MIB, b"\0")):
        data = disks.fixed_vhd(content)
        for disk_format, virtual_size in (("vhd", MIB), ("raw", MIB + disks.SECTOR)):
            reply, image_id = upload(api, data, disk_format)
            assert reply.status == 204, reply.text
            assert api.show(image_id)["virtual_size"] == virtual_size
    assert upload(api, bytes(MIB), "vhd")[0].status == 415
    assert upload(api, disks.fixed_vhd(bytes(MIB), kind=4), "vhd")[0].status == 415


def test_what_looked_wrong_is_said_and_leaves_nothing_so_that_a_good_upload_succeeds(api: Api) -> None:
    image = api.create(disk_format="qcow2")
    for bad in (disks.qcow2(backing="/etc/passwd"), disks.vmdk(), b"raw"):
        assert api.upload(image["id"], bad).status == 415
        shown = api.show(image["id"])
        assert {name for name in shown if shown[name] != image[name]} <= {"updated_at"}
        assert api.get(image["file"]).status == 204
    assert api.upload(image["id"], disks.qcow2()).status == 204
    assert api.get(image["file"]).body == disks.qcow2()


def test_a_refusal_names_its_reason(api: Api) -> None:
    assert (
        "as qcow2 it is refused because of: Image has a backing file."
        in (upload(api, disks.qcow2(backing="x"), "raw")[0].json["message"])
    )
    several = upload(api, UNSAFE["qcow2 and ISO at once"], "raw")[0].json["message"]
    assert "its content is several formats at once: iso, qcow2." in several


def test_an_operator_may_let_formats_differ_but_not_unsafe_data_in(small: Callable[[], Api]) -> None:
    api = small()
    assert upload(api, b"raw", "qcow2")[0].status == 204
    assert upload(api, disks.vdi(), "qcow2")[0].status == 204
    assert upload(api, disks.qcow2(backing="x"), "qcow2")[0].status == 415


def test_our_own_qcow2_is_one(api: Api, tmp_path: Path) -> None:
    write_qcow2(tmp_path / "disk", 10 * MIB, b"boot me")
    reply, image_id = upload(api, (tmp_path / "disk").read_bytes(), "qcow2")
    assert reply.status == 204
    assert api.show(image_id)["virtual_size"] == 10 * MIB


@pytest.mark.needs("qemu-img")
@pytest.mark.parametrize(
    ("disk_format", "options"),
    [
        ("qcow2", ["-f", "qcow2"]),
        ("qcow2", ["-f", "qcow2", "-o", "compat=0.10"]),
        ("vmdk", ["-f", "vmdk"]),
        ("vmdk", ["-f", "vmdk", "-o", "subformat=streamOptimized"]),
        ("vdi", ["-f", "vdi"]),
        ("vhdx", ["-f", "vhdx"]),
        ("vhd", ["-f", "vpc", "-o", "force_size=on"]),
        ("vhd", ["-f", "vpc", "-o", "subformat=fixed,force_size=on"]),
        ("raw", ["-f", "raw"]),
    ],
)
def test_images_that_qemu_makes_are_taken(api: Api, tmp_path: Path, disk_format: str, options: list[str]) -> None:
    disk = tmp_path / "disk"
    subprocess.run(["qemu-img", "create", "-q", *options, str(disk), "4M"], check=True)
    reply, image_id = upload(api, disk.read_bytes(), disk_format)
    assert reply.status == 204, reply.text
    assert api.show(image_id)["virtual_size"] == 4 * MIB


@pytest.mark.needs("qemu-img")
def test_an_overlay_that_qemu_makes_is_refused(api: Api, tmp_path: Path) -> None:
    base, overlay = tmp_path / "base", tmp_path / "overlay"
    base.write_bytes(bytes(MIB))
    words = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base), "-F", "raw", str(overlay)]
    subprocess.run(words, check=True)
    assert upload(api, overlay.read_bytes(), "raw")[0].status == 415


@pytest.mark.needs("qemu-img")
@pytest.mark.parametrize("length", [120, 200, 511, 512])
def test_a_header_that_qemu_takes_in_less_than_a_sector_is_refused(api: Api, tmp_path: Path, length: int) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(disks.qcow2(backing="/etc/passwd", length=length))
    told = subprocess.run(["qemu-img", "info", str(disk)], check=True, capture_output=True, text=True).stdout
    assert "backing file: /etc/passwd" in told
    assert upload(api, disk.read_bytes(), "raw")[0].status == 415
