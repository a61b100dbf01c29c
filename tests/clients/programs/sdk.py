"""Run by a Python that has openstacksdk: NAME FILE. All of an image's life, as owner and as partner."""

import hashlib
import os
import sys
from pathlib import Path

import openstack
from openstack import exceptions

name, path = sys.argv[1], Path(sys.argv[2])
data = path.read_bytes()
endpoint = os.environ["IMAGE_ENDPOINT"]


def connect(who):
    auth = {"username": who, "password": os.environ["PASSWORD"], "endpoint": endpoint}
    return openstack.connect(
        auth_type="http_basic", auth=auth, image_endpoint_override=endpoint, load_yaml_config=False, load_envvars=False
    )


owner, partner = connect("owner"), connect("partner")
project = os.environ["PARTNER_PROJECT"]

image = owner.create_image(
    name, filename=str(path), disk_format="raw", container_format="bare", wait=True, tags=["t1"], os_distro="debian",
    visibility="shared",
)  # fmt: skip
image = owner.image.get_image(image.id)
assert (image.status, image.checksum, image.size) == ("active", hashlib.md5(data).hexdigest(), len(data)), image
assert image.hash_value == hashlib.sha512(data).hexdigest()
assert image.os_distro == "debian"

found = list(owner.image.images(name=name, tag="t1", status="active", sort="name:asc", limit=1))
assert [one.id for one in found] == [image.id], found
assert not list(owner.image.images(name=name, status="queued"))
assert owner.image.find_image(name).id == image.id
assert owner.get_image(name).id == image.id

owner.image.update_image(image, name=f"{name}-2", hw_cpu_cores="2", min_ram=64, visibility="shared")
owner.image.add_tag(image, "t2")
image = owner.image.get_image(image.id)
assert (image.name, image.min_ram, set(image.tags)) == (f"{name}-2", 64, {"t1", "t2"}), image
assert image.hw_cpu_cores in ("2", 2), image
owner.image.remove_tag(image, "t2")
image = owner.image.get_image(image.id)
owner.update_image_properties(image=image, meta={"hw_disk_bus": "scsi"})
assert owner.image.get_image(image.id).hw_disk_bus == "scsi"
patch = [{"op": "remove", "path": "/hw_disk_bus"}]
reply = owner.image.patch(
    f"/images/{image.id}", json=patch, headers={"Content-Type": "application/openstack-images-v2.1-json-patch"}
)
assert reply.status_code == 200 and "hw_disk_bus" not in reply.json(), reply.text

assert partner.image.find_image(image.id) is None
assert owner.image.add_member(image, member_id=project).status == "pending"
assert partner.image.update_member(project, image, status="accepted").status == "accepted"
assert [one.member_id for one in owner.image.members(image)] == [project]
assert image.id in [one.id for one in partner.image.images()]

copy = Path("copy.raw")
partner.image.download_image(image.id, output=str(copy), stream=True)  # it compares the checksum itself
assert copy.read_bytes() == data
try:
    partner.image.delete_image(image.id, ignore_missing=False)
    raise AssertionError("a member may delete the image")
except exceptions.ForbiddenException:
    pass
owner.image.remove_member(project, image)
assert partner.image.find_image(image.id) is None

owner.image.deactivate_image(image)
assert owner.image.get(f"/images/{image.id}/file").status_code == 403
owner.image.reactivate_image(image)
assert owner.delete_image(image.id, wait=True)
assert owner.image.find_image(image.id) is None
print("done")
