"""Data made to do harm, on every way in and whatever was declared: refused, with nothing kept and little memory used.

A row is a name, the bytes, the format that they call themselves, and a word of the reason.
"""

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from api import disks, wicked
from fakes.remote import Remote, answer
from harness import Api, Service, make_service, running
from importing import assert_untouched, create_staged, ended_task, files_of, is_clean, reaching, start, wait_for

pytestmark = pytest.mark.slow

FOREIGN = 'RW 2048 FLAT "/etc/passwd" 0'


def over(data: bytes, *parts: tuple[int, bytes]) -> bytes:
    """The data with other bytes at some places."""
    found = bytearray(data)
    for at, part in parts:
        found[at : at + len(part)] = part
    return bytes(found)


def on_iso(data: bytes, at: int = 0) -> bytes:
    """An ISO that begins as something else."""
    return over(disks.iso(40), (at, data))


ROWS: tuple[tuple[str, bytes, str, str], ...] = (
    ("qcow2 with a backing file",         disks.qcow2(backing="/etc/passwd"),                    "qcow2", "safety"),
    ("qcow2 v2 with a backing file",      disks.qcow2(version=2, backing="/etc/passwd"),         "qcow2", "safety"),
    ("qcow2 with json: as backing",       disks.qcow2(backing='json:{"driver":"https"}'),        "qcow2", "safety"),
    ("qcow2 with a data file",            disks.qcow2(incompatible=4),                           "qcow2", "safety"),
    ("qcow2 with extended L2",            disks.qcow2(incompatible=16),                          "qcow2", "safety"),
    ("qcow2 with unknown features",       disks.qcow2(incompatible=1 << 60),                     "qcow2", "safety"),
    ("vmdk of a flat extent",             disks.vmdk(kind="monolithicFlat", extent=FOREIGN),     "vmdk",  "safety"),
    ("vmdk of somebody's sparse extent",  disks.vmdk(extent='RW 2048 SPARSE "/etc/passwd"'),     "vmdk",  "safety"),
    ("vmdk of an extent up the tree",     disks.vmdk(extent='RW 2048 SPARSE "../../x.vmdk"'),    "vmdk",  "safety"),
    ("vmdk of a device",                  disks.vmdk(kind="fullDevice", extent='RW 1 FLAT "/dev/x"'), "vmdk", "safety"),
    ("vmdk of an extent on the web",      disks.vmdk(kind="twoGbMaxExtentSparse", extent='RW 9 SPARSE "http://x/y"'),
                                                                                                 "vmdk",  "safety"),
    ("vmdk that is a text",               disks.descriptor("monolithicFlat", FOREIGN),           "vmdk",  "safety"),
    ("qed",                               disks.qed(),                                           "raw",   "safety"),
    ("gpt with a strange boot flag",      disks.gpt(boot_flag=0x55),                             "raw",   "safety"),
    ("iso that begins as a qcow2",        on_iso(disks.qcow2(backing="/etc/passwd")),            "iso",   "safety"),
    ("iso that begins as a good qcow2",   on_iso(disks.qcow2()),                                 "iso",   "safety"),
    ("iso that begins as a vmdk",         on_iso(disks.vmdk(extent='RW 2048 SPARSE "/etc/passwd"')), "iso", "safety"),
    ("iso that begins as a vmdk's text",  on_iso(disks.descriptor("monolithicFlat", FOREIGN)),   "iso",   "safety"),
    ("iso that begins as a vdi",          on_iso(disks.vdi()),                                   "iso",   "safety"),
    ("iso that begins as a vhd",          on_iso(disks.vhd()),                                   "iso",   "safety"),
    ("iso that begins as a qed",          on_iso(disks.qed()),                                   "iso",   "safety"),
    ("qcow2 that is a gpt, too",          over(disks.qcow2(), (510, disks.gpt()[510:512])),      "qcow2", "safety"),
)  # fmt: skip
CONTAINERS = ("bare", "ovf", "ova", "docker", "compressed")
WAYS = ("upload", "stage", "web")
MEMORY = 96 << 20
"""How much more memory a worker may take at its highest than before."""


@dataclass
class Place:
    """A service and a web server that it may fetch from."""

    service: Service
    web: Remote

    def __post_init__(self) -> None:
        self.api = Api(self.service.url)

    def begin(self, way: str, data: bytes, **formats: str) -> tuple[dict[str, Any], int]:
        """Bring this data in on this way; the image and the answer's status."""
        if way == "upload":
            image = self.api.create(**formats)
            return image, self.api.upload(image["id"], data).status
        if way == "stage":
            image = create_staged(self.api, data, **formats)
            return image, start(self.api, image["id"], "glance-direct").status
        image = self.api.create(**formats)
        target = f"/{image['id']}"
        self.web.pages[target] = answer(data)
        return image, start(self.api, image["id"], "web-download", uri=self.web.url(target)).status

    def memory(self) -> int:
        """The most memory that any of its processes has had, in bytes."""
        assert self.service.api.process is not None
        master = self.service.api.process.pid
        found = []
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            except OSError:
                continue
            if master in (int(lines["Pid"]), int(lines["PPid"])) and "VmHWM" in lines:
                found.append(int(lines["VmHWM"].split()[0]) << 10)
        return max(found)


@pytest.fixture(scope="module")
def web() -> Iterator[Remote]:
    remote = Remote()
    yield remote
    remote.close()


@pytest.fixture(scope="module")
def service(web: Remote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """In one process: content never reaches a registry."""
    data_dir = tmp_path_factory.mktemp("hostile") / "data"
    settings = reaching(web, IMAGE_IMPORT_OPTS_IMAGE_IMPORT_PLUGINS="image_decompression", IMAGE_SIZE_CAP="200000000")
    with running(make_service(data_dir, "together", **settings)) as started:
        yield started


@pytest.fixture
def place(service: Service, web: Remote) -> Place:
    return Place(service, web)


@pytest.mark.parametrize(("name", "data", "own", "word"), ROWS, ids=[row[0] for row in ROWS])
def test_data_made_to_do_harm_is_refused_on_every_way_in(
    place: Place, name: str, data: bytes, own: str, word: str
) -> None:
    before, memory = files_of(place.service), place.memory()
    started = []
    for container in CONTAINERS:
        for declared in dict.fromkeys((own, "raw", "iso")):
            for way in WAYS:
                image, status = place.begin(way, data, disk_format=declared, container_format=container)
                assert status == (415 if way == "upload" else 202), (container, declared, way)
                started.append((way, image["id"]))
    for way, image_id in started:
        if way != "upload":
            task = ended_task(place.api, image_id)
            assert (task["status"], word in task["message"]) == ("failure", True), task
            assert "/etc/passwd" not in task["message"] or "vmdk" in name, task
        assert_untouched(place.api, image_id)
    wait_for(lambda: is_clean(place.service, before))
    assert place.memory() < memory + MEMORY


@pytest.mark.parametrize("container", ["bare", "ova"])
def test_what_no_honest_header_says_is_refused_on_every_way_in(place: Place, container: str) -> None:
    before, memory, started = files_of(place.service), place.memory(), []
    for name, (data, words) in wicked.WICKED.items():
        for way in WAYS:
            formats = {"disk_format": name.partition(":")[0], "container_format": container}
            image, status = place.begin(way, data, **formats)
            assert status == (415 if way == "upload" else 202), (name, way)
            started.append((way, name, words, image["id"]))
    for way, name, words, image_id in started:
        if way != "upload":
            task = ended_task(place.api, image_id)
            assert (task["status"], (words or "") in task["message"]) == ("failure", True), (name, task)
        assert_untouched(place.api, image_id)
    wait_for(lambda: is_clean(place.service, before))
    assert place.memory() < memory + MEMORY


def test_a_refused_image_takes_good_data_next(place: Place) -> None:
    for way in WAYS:
        image, _ = place.begin(way, disks.qcow2(backing="/etc/passwd"), disk_format="qcow2")
        if way != "upload":
            assert ended_task(place.api, image["id"])["status"] == "failure"
        assert place.api.upload(image["id"], disks.qcow2()).status == 204
        assert place.api.get(image["file"]).body == disks.qcow2()


def test_another_format_than_declared_is_refused_for_a_bare_image(place: Place) -> None:
    for way in WAYS:
        image, status = place.begin(way, disks.qcow2(), disk_format="vmdk")
        if way == "upload":
            assert status == 415
        else:
            task = ended_task(place.api, image["id"])
            assert (task["status"], "looks like qcow2" in task["message"]) == ("failure", True), task
        assert_untouched(place.api, image["id"])


# What grows -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A gzip of 1 GiB of zeros."""
    packer, zeros = zlib.compressobj(1, zlib.DEFLATED, 31), bytes(1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(1 << 10)) + packer.flush()


@pytest.mark.parametrize("container", ["bare", "ovf"])
@pytest.mark.parametrize("way", ["stage", "web"])
def test_what_grows_beyond_the_cap_is_left_there(place: Place, bomb: bytes, way: str, container: str) -> None:
    before, memory, began = files_of(place.service), place.memory(), time.monotonic()
    image, status = place.begin(way, bomb, container_format=container)
    assert status == 202
    task = ended_task(place.api, image["id"])
    assert (task["status"], "200000000 bytes" in task["message"]) == ("failure", True), task
    assert_untouched(place.api, image["id"])
    assert time.monotonic() - began < 20
    assert place.memory() < memory + MEMORY
    wait_for(lambda: is_clean(place.service, before))


def test_an_upload_is_stored_as_it_is(place: Place, bomb: bytes) -> None:
    image, status = place.begin("upload", bomb)
    assert (status, place.api.show(image["id"])["size"]) == (204, len(bomb))


def test_what_is_inside_is_looked_at_like_anything_else(place: Place) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = packer.compress(disks.qcow2(backing="/etc/passwd", length=1 << 16)) + packer.flush()
    for way in ("stage", "web"):
        image, _ = place.begin(way, data, disk_format="qcow2")
        task = ended_task(place.api, image["id"])
        assert (task["status"], "safety" in task["message"]) == ("failure", True), task
        assert_untouched(place.api, image["id"])


Start = Callable[..., Service]


def test_a_bomb_within_the_cap_grows_no_more_than_its_ratio(web: Remote, bomb: bytes, start_service: Start) -> None:
    plugins = {"IMAGE_IMPORT_OPTS_IMAGE_IMPORT_PLUGINS": "image_decompression", "IMAGE_DECOMPRESSION_MAX_RATIO": "20"}
    place = Place(start_service(**reaching(web, **plugins)), web)
    memory = place.memory()
    image, _ = place.begin("stage", bomb)
    task = ended_task(place.api, image["id"])
    assert (task["status"], "more than 20 times" in task["message"]) == ("failure", True), task
    assert_untouched(place.api, image["id"])
    assert place.memory() < memory + MEMORY
    wait_for(lambda: not files_of(place.service))
