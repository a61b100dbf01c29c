"""Converting on the way in: real images from qemu-img and back, and images that are out for more."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from api import disks
from unit.workpieces import MIB, Piece, plugin

from glancelite.errors import (
    ConfigError,
    ConversionFailed,
    FormatMismatch,
    GlanceliteError,
    Gone,
    ImageTooLarge,
    UnsafeContent,
)
from glancelite.formats import Inspection

needs_qemu = pytest.mark.needs("qemu-img")
DISK = 8 * MIB


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One disk in every format, made by qemu-img, with data at its beginning, in its middle and at its end."""
    home = tmp_path_factory.mktemp("made")
    disk = bytearray(DISK)
    for at in (0, 3 * MIB, DISK - 70_000):
        disk[at : at + 65_536] = os.urandom(65_536)
    (home / "raw").write_bytes(disk)
    kinds = {"qcow2": "", "vmdk": "", "vdi": "", "vhd": "force_size=on", "vhdx": "", "v2": "compat=0.10",
             "stream": "subformat=streamOptimized", "qcow2-compressed": ""}  # fmt: skip
    drivers = {"vhd": "vpc", "v2": "qcow2", "stream": "vmdk", "qcow2-compressed": "qcow2"}
    for kind, options in kinds.items():
        more = ["-o", options] if options else ["-c"] if "compressed" in kind else []
        qemu_img("convert", "-f", "raw", "-O", drivers.get(kind, kind), *more, home / "raw", home / kind)
    return home


def qemu_img(*words: object) -> str:
    return subprocess.run(["qemu-img", *map(str, words)], check=True, capture_output=True, text=True).stdout


def convert(**settings: object) -> object:
    return plugin("image_conversion", **{f"image_conversion__{name}": value for name, value in settings.items()})


def run(piece: Piece, **settings: object) -> Piece:
    convert(**settings).run(piece)  # type: ignore[attr-defined]
    return piece


def refusal(piece: Piece, **settings: object) -> GlanceliteError:
    """How a piece is refused, of which then nothing has changed and nothing is left."""
    with pytest.raises(GlanceliteError) as caught:
        run(piece, **settings)
    assert piece.is_untouched()
    assert str(piece.directory) not in str(caught.value)
    return caught.value


def inspect(path: Path) -> tuple[str, str | None]:
    inspection = Inspection()
    inspection.feed(path.read_bytes())
    verdict = inspection.finish()
    return verdict.name, verdict.unsafe


@needs_qemu
@pytest.mark.parametrize("output", ["raw", "qcow2", "vmdk"])
@pytest.mark.parametrize(
    ("kind", "disk_format"),
    [("raw", "raw"), ("qcow2", "qcow2"), ("v2", "qcow2"), ("qcow2-compressed", "qcow2"), ("vmdk", "vmdk"),
     ("stream", "vmdk"), ("vdi", "vdi"), ("vhd", "vhd"), ("vhdx", "vhdx")],
)  # fmt: skip
def test_the_disk_is_the_same_afterwards(made: Path, tmp_path: Path, kind: str, disk_format: str, output: str) -> None:
    piece = run(Piece(tmp_path, made / kind, disk_format), output_format=output)
    if disk_format == output:
        assert piece.is_untouched()
        return
    assert qemu_img("compare", "-f", "raw", "-F", output, made / "raw", piece.path) == "Images are identical.\n"
    assert piece.changes == {"disk_format": output, "container_format": "bare", "virtual_size": DISK}
    assert piece.files == [piece.path.name]
    assert piece.size == piece.path.stat().st_size
    if output != "raw":
        assert inspect(piece.path) == (output, None)
        assert b"/staging" not in piece.path.read_bytes()[: 64 << 10]


@needs_qemu
@pytest.mark.parametrize(
    ("disk_format", "container_format", "data"),
    [
        ("iso", "bare", disks.iso(30, is_hybrid=True)),
        ("raw", "bare", b"anything"),
        ("raw", "bare", disks.qcow2()),
        ("ami", "bare", b"a filesystem"),
        ("ari", "ari", gzip.compress(b"a ramdisk", mtime=0)),
        ("qcow2", "compressed", gzip.compress(disks.qcow2(), mtime=0)),
        ("vmdk", "ova", b"a tar"),
        ("qcow2", "docker", disks.qcow2()),
    ],
)
def test_what_is_no_disk_to_convert_is_left_alone(
    tmp_path: Path, disk_format: str, container_format: str, data: bytes
) -> None:
    assert run(Piece(tmp_path, data, disk_format, container_format=container_format)).is_untouched()


@needs_qemu
def test_what_is_called_raw_is_raw_whatever_it_looks_like(made: Path, tmp_path: Path) -> None:
    piece = run(Piece(tmp_path, made / "qcow2"), output_format="qcow2")
    assert piece.changes["virtual_size"] == (made / "qcow2").stat().st_size
    assert qemu_img("compare", "-f", "raw", "-F", "qcow2", made / "qcow2", piece.path) == "Images are identical.\n"


@needs_qemu
@pytest.mark.parametrize(
    ("kind", "declared"), [("qcow2", "vmdk"), ("vmdk", "qcow2"), ("raw", "qcow2"), ("vdi", "vhd"), ("qcow2", "ami")]
)
def test_content_in_another_format_than_declared_is_refused(
    made: Path, tmp_path: Path, kind: str, declared: str
) -> None:
    assert isinstance(refusal(Piece(tmp_path, made / kind, declared)), FormatMismatch)


@needs_qemu
def test_a_format_that_cannot_be_converted_is_refused_with_a_sentence(tmp_path: Path) -> None:
    error = refusal(Piece(tmp_path, b"WithoutFreeSpace".ljust(4096, b"\0"), "ploop"))
    assert "no conversion from ploop is offered" in str(error)


# Images that are out for other files ----------------------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that lies beside the staged data, and is none of its business."""
    path = tmp_path / "secret"
    path.write_bytes(b"SECRET!!" * (MIB // 8))
    return path


def text_vmdk(*lines: str) -> str:
    return "\n".join(("# Disk DescriptorFile", "version=1", "CID=0b6fa1a3", "parentCID=ffffffff", *lines, ""))


def sparse_vmdk(text: str, sectors: int = 2048) -> bytes:
    data = bytearray(disks.vmdk())
    data[512 : 512 + len(text)] = text.encode()
    data[12:20] = sectors.to_bytes(8, "little")
    return bytes(data)


FLAT = 'createType="monolithicFlat"'
SPARSE = 'createType="monolithicSparse"'
OF_FLAT = 'RW 2048 FLAT "../secret" 0', 'RW 2048 FLAT "secret" 0'


@needs_qemu
@pytest.mark.parametrize("output", ["raw", "qcow2"])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(text_vmdk(FLAT, OF_FLAT[0]).encode(), id="an extent elsewhere"),
        pytest.param(text_vmdk(SPARSE.lower(), FLAT, OF_FLAT[1]).encode(), id="a type in lower case, then another"),
        pytest.param(text_vmdk(f"# {SPARSE}", FLAT, OF_FLAT[1]).encode(), id="a type in a comment, then another"),
        pytest.param(sparse_vmdk(text_vmdk(SPARSE.lower(), FLAT, OF_FLAT[1]), 0), id="a disk of no size"),
        pytest.param(sparse_vmdk(text_vmdk(SPARSE, 'parentFileNameHint="secret"', 'RW 1 SPARSE "x"')), id="a parent"),
        pytest.param(
            sparse_vmdk(text_vmdk(SPARSE, 'RW 1 SPARSE "x"')[:-1] + "\0" * 600 + 'parentFileNameHint="secret"'),
            id="a parent after the end",
        ),
    ],
)
def test_a_vmdk_gets_at_no_other_file(tmp_path: Path, secret: Path, data: bytes, output: str) -> None:
    piece = Piece(tmp_path, data, "vmdk")
    (piece.directory.parent / "staging-secret").write_bytes(secret.read_bytes())
    assert isinstance(refusal(piece, output_format=output), UnsafeContent)


@needs_qemu
def test_a_qcow2_gets_at_no_other_file(tmp_path: Path, secret: Path) -> None:
    overlay, outside = tmp_path / "overlay", tmp_path / "outside"
    qemu_img("create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", overlay)
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={secret},data_file_raw=on", outside, "1M")
    for number, disk in enumerate((overlay, outside)):
        home = tmp_path / str(number)
        home.mkdir()
        assert isinstance(refusal(Piece(home, disk, "qcow2")), UnsafeContent)


@needs_qemu
def test_what_inspection_lets_pass_is_held_against_what_qemu_says(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path / "overlay"
    qemu_img("create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", overlay)
    monkeypatch.setattr("glancelite.tasks.plugins.image_conversion._inspect", lambda piece, reports: None)
    assert "refers to other files" in str(refusal(Piece(tmp_path, overlay, "qcow2")))


# Images that are out for our memory, time and disk --------------------------------------------------------------------


@needs_qemu
def test_a_broken_header_that_inspection_would_let_pass_is_refused_in_words_of_ours(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray((made / "qcow2").read_bytes())
    data[36:40] = (0x7FFFFFFF).to_bytes(4, "big")  # entries of its first table
    piece = Piece(tmp_path, bytes(data), "qcow2")
    assert isinstance(refusal(piece), UnsafeContent)
    monkeypatch.setattr("glancelite.tasks.plugins.image_conversion._inspect", lambda piece, reports: None)
    assert str(refusal(piece)).endswith("qemu-img cannot read it as qcow2.")


@needs_qemu
@pytest.mark.parametrize(
    ("memory", "said"), [("1 MB", "broke off"), ("16 MB", "more memory than is allowed"), ("40 MB", "more memory")]
)
def test_without_memory_it_fails_cleanly(made: Path, tmp_path: Path, memory: str, said: str) -> None:
    error = refusal(Piece(tmp_path, made / "qcow2", "qcow2"), memory=memory)
    assert isinstance(error, ConversionFailed)
    assert said in str(error)


@needs_qemu
def test_a_quarter_of_the_memory_it_may_take_is_enough(made: Path, tmp_path: Path) -> None:
    assert run(Piece(tmp_path, made / "vmdk", "vmdk"), memory="256 MB", output_format="qcow2").changes


@needs_qemu
def test_a_result_beyond_the_cap_leaves_nothing(made: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    qemu_img("create", "-q", "-f", "qcow2", large, "64T")
    assert isinstance(refusal(Piece(tmp_path, large, "qcow2")), ImageTooLarge)
    home = tmp_path / "second"
    home.mkdir()
    piece = Piece(home, os.urandom(4 * MIB), cap=4 * MIB)
    assert isinstance(refusal(piece, output_format="qcow2"), ImageTooLarge)


def stand_in(tmp_path: Path, convert: str) -> Path:
    """A program in the place of qemu-img that measures well, and converts as the script says."""
    facts = json.dumps({"virtual-size": 4096, "format": "qcow2"})
    script = tmp_path / "stand-in"
    script.write_text(f"#!/bin/sh\nif [ \"$1\" = info ]; then echo '{facts}'; exit; fi\ncd {tmp_path}\n{convert}\n")
    script.chmod(0o700)
    return script


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline, pids
        time.sleep(0.02)


SLEEPING = "sleep 300 & echo $$ $! > pids; echo '    (41.99/100%)'; wait"


def test_work_that_is_lost_ends_with_everything_it_started(tmp_path: Path) -> None:
    piece = Piece(tmp_path, disks.qcow2(), "qcow2")
    piece.lose_when = lambda message: (tmp_path / "pids").exists() and "41%" in message
    with pytest.raises(Gone):
        run(piece, qemu_img=stand_in(tmp_path, SLEEPING))
    assert piece.is_untouched()
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    wait_until_gone(pids)


def test_progress_is_told_twice_a_second(tmp_path: Path) -> None:
    piece = Piece(tmp_path, disks.qcow2(), "qcow2")
    started = time.monotonic()
    piece.lose_when = lambda message: time.monotonic() - started > 2.2
    with pytest.raises(Gone):
        run(piece, qemu_img=stand_in(tmp_path, SLEEPING))
    assert piece.said[-1] == "Converting qcow2 to raw: 41%"
    assert 3 <= len(piece.said) <= 6


def test_a_killed_service_leaves_no_conversion_behind(tmp_path: Path) -> None:
    script = stand_in(tmp_path, "echo $$ > pids; exec sleep 300")
    code = f"""
import sys
from pathlib import Path
from api import disks
from unit.workpieces import Piece, plugin
plugin("image_conversion", image_conversion__qemu_img={str(script)!r}).run(
    Piece(Path({str(tmp_path)!r}), disks.qcow2(), "qcow2"))
"""
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    service = subprocess.Popen([sys.executable, "-c", code], env=environment)
    deadline = time.monotonic() + 20
    while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pid = int((tmp_path / "pids").read_text())
    assert is_running(pid)
    service.kill()
    service.wait()
    wait_until_gone([pid])


@pytest.mark.parametrize(
    ("script", "settings", "said"),
    [
        ("while :; do :; done", {"cpu_seconds": 1}, "it takes more than 1 seconds of processor time."),
        ("kill -SEGV $$", {}, "qemu-img broke off."),
        ("echo 'No space left on device' >&2; exit 1", {}, "there is no space left to write the result."),
        ("head -c 3000000 /dev/zero >&2; exit 1", {}, "qemu-img cannot read it as qcow2."),
        ("head -c 3000000 /dev/zero; exit 1", {}, "qemu-img cannot read it as qcow2."),
    ],
)
def test_each_way_to_end_badly_has_its_sentence(
    tmp_path: Path, script: str, settings: dict[str, object], said: str
) -> None:
    piece = Piece(tmp_path, disks.qcow2(), "qcow2")
    assert str(refusal(piece, qemu_img=stand_in(tmp_path, script), **settings)).endswith(f"cannot be converted: {said}")


def test_it_runs_under_limits_with_nothing_of_ours(tmp_path: Path) -> None:
    script = "ulimit -a > limits; env > env; ps -o sid= -p $$ > sid; pwd > where; ls /proc/$$/fd > files; exit 1"
    piece = Piece(tmp_path, disks.qcow2(), "qcow2", cap=4096 * 512)
    refusal(piece, qemu_img=stand_in(tmp_path, script), memory="512 MB", cpu_seconds=77)
    limits = (tmp_path / "limits").read_text()
    for pattern in (r"time\D+77\n", r"file\D+4096\n", r"core\D+0\n", r"nofiles\D+64\n", r"vmemory\D+524288\n"):
        assert re.search(pattern, limits), (pattern, limits)
    names = {line.split("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names <= {"PATH", "LC_ALL", "MALLOC_ARENA_MAX", "PWD", "OLDPWD", "_", "SHLVL"}
    shells_own = {"10", "11", "255"}
    assert set((tmp_path / "files").read_text().split()) - shells_own == {"0", "1", "2"}


def test_it_does_not_start_without_qemu_img_or_for_a_format_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match="needs qemu-img, but there is no program 'no-such-thing'"):
        convert(qemu_img="no-such-thing")
    with pytest.raises(ConfigError, match="output_format is 'vdi', but one of raw, qcow2, vmdk is expected"):
        convert(output_format="vdi")


def test_who_takes_away_our_signals_takes_no_broken_image_for_a_whole_one(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        piece = Piece(tmp_path, disks.qcow2(), "qcow2")
        assert isinstance(refusal(piece, qemu_img=stand_in(tmp_path, "exit 1")), ConversionFailed)
    finally:
        signal.signal(signal.SIGCHLD, before)
