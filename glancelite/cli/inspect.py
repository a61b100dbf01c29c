"""`glancelite image inspect`: what the service would find in a file. No service is asked."""

from typing import Any

import click

from .output import View, print_one, shows_one

_BLOCK = 1 << 20
_HASHES = ("md5", "sha256", "sha512")
_UNSAFE = 4


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--disk-format", metavar="FORMAT", help="Also say whether the service takes it as this.")
@click.option("--hash", "with_hashes", is_flag=True, help="Also compute md5, sha256 and sha512.")
@shows_one
def inspect(view: View, file: Any, disk_format: str | None, with_hashes: bool) -> int:
    """Look into a disk image on this host: its format, the size of the disk within, and whether it is safe to open.

    FILE may be - for standard input. Exit code 0 when the service would take it, 4 when it would refuse it: because it
    is unsafe, or is not what --disk-format says.
    """
    import hashlib

    from glancelite.formats import Inspection

    inspection, size = Inspection(), 0
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in (_HASHES if with_hashes else ())}
    try:
        while block := file.read(_BLOCK):
            size += len(block)
            inspection.feed(block)
            for digest in digests.values():
                digest.update(block)
    except OSError as error:
        raise click.ClickException(f"Cannot read {file.name}: {error.strerror}.") from error
    verdict = inspection.finish()
    record: dict[str, Any] = {
        "file": file.name,
        "format": verdict.name,
        "size": size,
        "virtual_size": verdict.virtual_size,
        "safe": verdict.unsafe is None,
        "unsafe_because": verdict.unsafe,
        **{name: digest.hexdigest() for name, digest in digests.items()},
    }
    if disk_format is not None:
        record["fits"] = verdict.fits(disk_format)
    print_one(record, view)
    return 0 if record["safe"] and record.get("fits", True) else _UNSAFE
