"""Run by a Python that has nova: NAME FILE. What compute does with images, by its own module for it."""

import hashlib
import os
import sys
from pathlib import Path

import nova.conf
from nova import context, exception, objects, service_auth
from nova.image import glance

name, path = sys.argv[1], Path(sys.argv[2])
data = path.read_bytes()
CONF = nova.conf.CONF
CONF([], project="nova", default_config_files=[])
CONF.set_override("api_servers", [os.environ["IMAGE_ENDPOINT"]], group="glance")
service_auth.reset_globals()
objects.register_all()


def context_of(who):
    return context.RequestContext(
        user_id=who.lower(), project_id=os.environ[f"{who}_PROJECT"], auth_token=os.environ[f"{who}_TOKEN"],
        roles=["member", "reader"], is_admin=False,
    )  # fmt: skip


owner, partner = context_of("OWNER"), context_of("PARTNER")
service = glance.GlanceImageServiceV2()


def refused(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError(f"{call.__name__} was not refused")


# a snapshot of an instance: its record first, then its data, shared with who owns the instance
meta = {
    "name": name, "disk_format": "raw", "container_format": "bare", "min_ram": 64, "visibility": "shared",
    "properties": {"instance_owner": partner.project_id, "hw_disk_bus": "virtio", "base_image_ref": "x"},
}  # fmt: skip
image = service.create(owner, meta)
assert image["status"] == "queued", image
assert image["properties"]["hw_disk_bus"] == "virtio", image
with path.open("rb") as file:
    service.update(owner, image["id"], {"properties": {"hw_disk_bus": "virtio"}}, file, purge_props=False)
image = service.show(owner, image["id"], include_locations=True)
assert (image["status"], image["size"], image["min_ram"]) == ("active", len(data), 64), image
assert image["checksum"] == hashlib.md5(data).hexdigest(), image

filters = {"name": name, "property-hw_disk_bus": "virtio", "status": "active"}
assert [one["id"] for one in service.detail(owner, filters=filters)] == [image["id"]]
assert [one["id"] for one in service.detail(owner, filters={"name": name}, limit=1, page_size=1)] == [image["id"]]
assert service.detail(owner, filters={"name": name, "status": "queued"}) == []
refused(exception.ImageNotFound, service.show, owner, "00000000-0000-0000-0000-000000000000")

# properties added, and those not named purged
image = service.update(owner, image["id"], {"name": f"{name}-2", "properties": {"os_type": "linux"}})
assert (image["name"], image["properties"].get("os_type")) == (f"{name}-2", "linux"), image
assert "hw_disk_bus" not in image["properties"], image

# the instance's owner boots from it
assert service.show(partner, image["id"])["id"] == image["id"]
service.download(partner, image["id"], dst_path="copy.raw")
assert Path("copy.raw").read_bytes() == data
assert hashlib.sha512(b"".join(service.download(partner, image["id"]))).digest() == hashlib.sha512(data).digest()
refused(exception.ImageNotAuthorized, service.delete, partner, image["id"])

# a volume-backed snapshot is an image without data of its own
empty = service.create(owner, {"name": name, "size": 0, "properties": {"block_device_mapping": "[]"}})
assert (empty["status"], empty["size"]) == ("active", 0), empty

for one in (image, empty):
    assert service.delete(owner, one["id"])
    refused(exception.ImageNotFound, service.show, owner, one["id"])
print("done")
