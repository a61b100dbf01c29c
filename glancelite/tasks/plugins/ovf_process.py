"""The plugin that takes the disk out of an OVA."""

import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, ClassVar, cast

from ...config import Config, Option
from ...errors import ImageTooLarge, PackageRefused
from .base import Workpiece
from .reports import Reports

_OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"
_PASD = "{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ProcessorAllocationSettingData}"
_DESCRIPTION_MOST = 1 << 20
_MEMBERS_MOST = 1000
_BLOCK = 1 << 20
_HEADERS_MOST = 4 << 20
"""Bytes of headers and description together."""


class OvfProcess:
    """Takes the disk out of an OVA (container_format ova): it becomes the data, and the container_format bare. What the
    package says of the processor that it wants becomes properties: CIM_PASD_ProcessorArchitecture,
    CIM_PASD_InstructionSet and CIM_PASD_InstructionSetExtensionName.

    The package is an uncompressed tar with one description and one disk in it. Only administrators may have one
    processed. Tasks of type import do so whatever is configured; other imports where the plugin is named. Name it
    before image_conversion.

    ```ini
    [image_import_opts]
    image_import_plugins = ovf_process, image_conversion
    ```
    """

    name: ClassVar[str] = "ovf_process"
    OPTIONS: ClassVar[tuple[Option, ...]] = ()
    injected: ClassVar[dict[str, str]] = {
        f"CIM_PASD_{name}": f"{_PASD}{name}"
        for name in ("ProcessorArchitecture", "InstructionSet", "InstructionSetExtensionName")
    }
    """The properties, and the elements that they are taken from."""

    def __init__(self, config: Config) -> None:
        pass

    def run(self, piece: Workpiece) -> None:
        if piece.image.container_format != "ova":
            return
        if "admin" not in piece.roles:
            raise _refused(piece, "packages are processed for administrators only")
        try:
            with piece.path.open("rb") as file, _open_tar(cautious := _Cautious(file)) as package:
                members = list(_members(piece, package))
                description = _read_description(piece, package, members)
                disk = _find(piece, members, _name_of_disk(piece, description))
                cautious.left = piece.size
                piece.replace(lambda target: _extract(piece, package, disk, target))
        except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:  # of numbers in headers, the latter
            raise _refused(piece, "it is no tar, or damaged") from error
        piece.change(container_format="bare", properties=dict(_find_properties(description)))


class _Cautious:
    """A file as tarfile reads it: it believes what headers say of their own lengths, and would take all of that."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.left = _HEADERS_MOST
        """As many bytes may still be read."""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.left:
            raise tarfile.ReadError
        self.left -= size
        return self._file.read(size)


def _open_tar(file: _Cautious) -> tarfile.TarFile:
    return tarfile.open(fileobj=cast(IO[bytes], file), mode="r:")


def _refused(piece: Workpiece, reason: str) -> PackageRefused:
    return PackageRefused(image_id=piece.image.id, reason=reason)


def _members(piece: Workpiece, package: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The plain files; nothing of a package is ever unpacked by its own name."""
    for number, member in enumerate(package):
        if number >= _MEMBERS_MOST:
            raise _refused(piece, f"it has more than {_MEMBERS_MOST} files")
        if member.isreg():
            yield member


def _find(piece: Workpiece, members: list[tarfile.TarInfo], name: str) -> tarfile.TarInfo:
    found = [member for member in members if posixpath.normpath(member.name) == posixpath.normpath(name)]
    if len(found) != 1:
        raise _refused(piece, f"its description names the file '{name:.80}', which it does not have")
    return found[0]


def _read_description(piece: Workpiece, package: tarfile.TarFile, members: list[tarfile.TarInfo]) -> Any:
    """The root element of its .ovf."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    found = [member for member in members if member.name.endswith(".ovf")]
    if len(found) != 1:
        raise _refused(piece, f"it has {len(found)} descriptions (.ovf); one is expected")
    if found[0].size > _DESCRIPTION_MOST:
        raise _refused(piece, f"its description has more than {_DESCRIPTION_MOST} bytes")
    try:
        return fromstring(_open(package, found[0]).read(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise _refused(piece, "its description is no XML, or more than that") from error


def _open(package: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = package.extractfile(member)
    if file is None:
        raise tarfile.ReadError
    return file


def _name_of_disk(piece: Workpiece, description: Any) -> str:
    """The file of the only disk that the description has."""
    disks = [disk.get(f"{_OVF}fileRef") for disk in description.iterfind(f"{_OVF}DiskSection/{_OVF}Disk")]
    if len(disks) != 1:
        raise _refused(piece, f"it has {len(disks)} disks; one is expected")
    for file in description.iterfind(f"{_OVF}References/{_OVF}File"):
        if disks[0] is not None and file.get(f"{_OVF}id") == disks[0] and file.get(f"{_OVF}href"):
            return str(file.get(f"{_OVF}href"))
    raise _refused(piece, "its description does not say which file the disk is")


def _find_properties(description: Any) -> Iterator[tuple[str, str]]:
    for name, element in OvfProcess.injected.items():
        texts = [(one.text or "").strip() for one in description.iter(element)]
        if any(texts):
            yield name, " ".join(dict.fromkeys(filter(None, texts)))[:255]


def _extract(piece: Workpiece, package: tarfile.TarFile, disk: tarfile.TarInfo, target: Path) -> None:
    if disk.size > piece.cap:
        raise ImageTooLarge(image_id=piece.image.id, limit=piece.cap)
    reports, done = Reports(piece), 0
    try:
        with _open(package, disk) as file, target.open("xb") as sink:
            while block := file.read(_BLOCK):
                sink.write(block)
                done += len(block)
                reports.say(f"Taking the disk out of its package: {done >> 20} of {disk.size >> 20} MiB")
    except OSError as error:
        raise _refused(piece, f"its disk cannot be written: {error.strerror}") from error
    if done != disk.size:
        raise _refused(piece, "it ends too early")
