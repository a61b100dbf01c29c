"""`glancelite demo`: the main job, end to end, on a service of its own in a directory of its own."""

import hashlib
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from .qcow2 import write_qcow2

_START_SECONDS = 20
_VIRTUAL_SIZE = 64 << 20
_DATA_SIZE = 8 << 20


@click.command(name="demo")
@click.option("--keep", is_flag=True, help="Leave the directory behind and say where it is.")
def command(keep: bool) -> None:
    """Start a service, create a public image from a disk image, list, show and save it, and compare the two.

    Every command is printed before it runs; the last line says whether the image came back byte for byte.
    """
    directory = Path(tempfile.mkdtemp(prefix="glancelite-demo-"))
    try:
        image = _make_disk(directory)
        with _service(directory / "data") as url:
            before = dict(os.environ)
            os.environ |= {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": url}
            try:
                _show_main_job(image, directory / "saved.qcow2")
            finally:  # in a shell other commands follow
                os.environ.clear()
                os.environ.update(before)
    finally:
        if keep:
            click.echo(f"Kept: {directory}")
        else:
            shutil.rmtree(directory)


def _show_main_job(image: Path, saved: Path) -> None:
    formats = ["--disk-format", "qcow2", "--container-format", "bare"]
    _run("image", "create", "Cirros", "--file", str(image), *formats, "--public")
    _run("image", "list")
    _run("image", "show", "Cirros")
    _run("image", "save", "Cirros", "--file", str(saved))
    before, after = _sha512(image), _sha512(saved)
    click.echo(f"sha512 of {image.name}: {before}\nsha512 of {saved.name}: {after}")
    if before != after:
        raise click.ClickException("The saved image differs from the one that was uploaded.")
    _run("image", "delete", "Cirros")
    click.echo("The image came back byte for byte.")


def _make_disk(directory: Path) -> Path:
    """A real disk image with data in it: made by qemu-img where that is installed, else by our own writer."""
    data = random.Random(9292).randbytes(_DATA_SIZE)  # noqa: S311 - any bytes will do
    image = directory / "cirros.img"
    if shutil.which("qemu-img"):
        raw = directory / "disk.raw"
        raw.write_bytes(data)
        os.truncate(raw, _VIRTUAL_SIZE)
        _print(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(image)])
        subprocess.run(  # noqa: S603
            ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(image)],  # noqa: S607
            check=True,
        )
    else:
        click.echo(f"(no qemu-img here: writing {image} ourselves)")
        write_qcow2(image, _VIRTUAL_SIZE, data)
    return image


@contextmanager
def _service(data_dir: Path) -> Iterator[str]:
    """The service as a process of its own, until the block ends."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ["server", "run", "--data-dir", str(data_dir), "--bind", f"127.0.0.1:{port}"]
    _print(["glancelite", *arguments, "&"])
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GLANCELITE_")}
    with (data_dir.parent / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "glancelite.cli", *arguments], stderr=log, env=environ
        )
    try:
        _wait_for(url, process, data_dir.parent / "server.log")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_START_SECONDS)


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/healthcheck", timeout=1):  # noqa: S310
                return
        except OSError:
            time.sleep(0.02)
    raise click.ClickException(f"The service did not start:\n{log.read_text()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _run(*arguments: str) -> None:
    _print(["glancelite", *arguments])
    done = subprocess.run([sys.executable, "-m", "glancelite.cli", *arguments], check=False)  # noqa: S603
    if done.returncode:
        raise click.ClickException(f"That command ended with {done.returncode}.")


def _print(words: list[str]) -> None:
    click.secho("$ " + " ".join(word if word == "&" else shlex.quote(word) for word in words), bold=True)


def _sha512(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()
