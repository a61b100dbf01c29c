"""An image as the command line shows it: base fields by name, everything else under `properties`."""

from collections.abc import Callable
from typing import Any

from glancelite.domain.fields import FIELDS

Convert = Callable[[str], Any]

_INSIDE = ("os_hidden", "os_hash_algo", "os_hash_value", "locations", "direct_url", "stores")
"""Base fields that `openstack` shows among the properties."""
BASE = tuple(field.name for field in FIELDS if field.name not in (*_INSIDE, "self"))

LIST_COLUMNS = {
    "ID": "id", "Name": "name", "Status": "status",
}  # fmt: skip
LONG_COLUMNS = {
    "ID": "id", "Name": "name", "Disk Format": "disk_format", "Container Format": "container_format", "Size": "size",
    "Checksum": "checksum", "Status": "status", "Visibility": "visibility", "Protected": "protected",
    "Project": "owner", "Hash Algorithm": "os_hash_algo", "Hash Value": "os_hash_value", "Tags": "tags",
}  # fmt: skip


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_WELL_KNOWN: dict[str, Convert] = {
    "locations": str, "direct_url": str, "architecture": str, "hypervisor_type": str,
    "instance_type_rxtx_factor": float, "instance_uuid": str, "img_config_drive": str, "kernel_id": str,
    "os_distro": str, "os_version": str, "os_secure_boot": str, "os_shutdown_timeout": int, "ramdisk_id": str,
    "vm_mode": str, "hw_cpu_sockets": int, "hw_cpu_cores": int, "hw_cpu_threads": int, "hw_disk_bus": str,
    "hw_cpu_policy": str, "hw_cpu_thread_policy": str, "hw_rng_model": str, "hw_machine_type": str,
    "hw_scsi_model": str, "hw_serial_port_count": int, "hw_video_model": str, "hw_video_ram": int,
    "hw_watchdog_action": str, "os_command_line": str, "hw_vif_model": str, "hw_vif_multiqueue_enabled": _truth,
    "hw_boot_menu": _truth, "vmware_adaptertype": str, "vmware_ostype": str, "auto_disk_config": str, "os_type": str,
    "os_admin_user": str, "hw_qemu_guest_agent": str, "os_require_quiesce": _truth,
}  # fmt: skip
"""Properties that `openstack` knows: in its order, which comes after that of all others, and with its types."""


def describe(image: dict[str, Any]) -> dict[str, Any]:
    """The fields of `image show`."""
    record = {name: image.get(name) for name in BASE}
    record["tags"] = image.get("tags") or []
    others = {name: value for name, value in image.items() if name not in (*BASE, "self") and value is not None}
    first = {name: others.pop(name) for name in _INSIDE[:3] if name in others}
    last = {name: _typed(name, others.pop(name)) for name in _WELL_KNOWN if name in others}
    return record | {"properties": first | others | last}


def _typed(name: str, value: Any) -> Any:
    """The value in its property's type; as it is where that would lose something."""
    if not isinstance(value, str):
        return value
    try:
        return _WELL_KNOWN[name](value)
    except (ValueError, KeyError):
        return value


def human_size(size: int) -> str:
    """A size for people: three digits or fewer before its unit, in thousands as `openstack` counts."""
    number, units = float(size), list("KMGT")
    unit = ""
    while number >= 1000 and units:
        number, unit = number / 1000, units.pop(0)
    return f"{number:.1f}".removesuffix(".0") + unit
