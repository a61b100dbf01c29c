"""What needs no service: a file from nginx, and the bare hashes of the same bytes."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.deployments import require_nginx, write_nginx
from bench.load import MIB, Client
from bench.processes import free_port, serving
from bench.target import NGINX, Sample, Target

SERVER = """
    server {{
        listen 127.0.0.1:{port};
        root {files};
        sendfile on;
        tcp_nopush on;
    }}
"""


@contextmanager
def nginx(place: Path, files: Path) -> Iterator[Target]:
    """An nginx that serves these files by sendfile."""
    require_nginx()
    port = free_port()
    write_nginx(place, SERVER.format(port=port, files=files))
    name = next(files.iterdir()).name

    def answers() -> None:
        client = Client(port)
        client.download(f"/{name}", 0, 0)
        client.close()

    with serving(["nginx", "-c", place / "nginx.conf"], place / "nginx.out", answers) as pid:
        yield Target(NGINX, port, (pid,), place=place)


def hash_file(file: Path, times: int = 1) -> Sample:
    """md5 and sha512 of this file, one after the other in one thread: the hashing alone, without the reading."""
    wall, cpu, block = 0.0, 0.0, bytearray(MIB)
    digests = [hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha512")]
    for _ in range(times):
        with file.open("rb", buffering=0) as source:
            while count := source.readinto(block):
                part = memoryview(block)[:count]
                wall, cpu = wall - time.perf_counter(), cpu - time.thread_time()
                for digest in digests:
                    digest.update(part)
                wall, cpu = wall + time.perf_counter(), cpu + time.thread_time()
    return Sample(wall, cpu)
