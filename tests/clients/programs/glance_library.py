"""Run by a Python that has python-glanceclient: NAME FILE. All of an image's life, as owner and as partner."""

import hashlib
import os
import sys
from pathlib import Path

from glanceclient import Client, exc

name, path = sys.argv[1], Path(sys.argv[2])
data = path.read_bytes()
owner, partner = (
    Client("2", endpoint=os.environ["IMAGE_ENDPOINT"], token=os.environ[f"{who}_TOKEN"]) for who in ("OWNER", "PARTNER")
)
project = os.environ["PARTNER_PROJECT"]

image = owner.images.create(name=name, disk_format="raw", container_format="bare", os_distro="debian", tags=["t1"])
with path.open("rb") as file:
    owner.images.upload(image.id, file, len(data))
image = owner.images.get(image.id)
assert (image.status, image.checksum, image.size) == ("active", hashlib.md5(data).hexdigest(), len(data)), image
assert image.os_hash_value == hashlib.sha512(data).hexdigest()

found = list(owner.images.list(filters={"name": name, "tag": ["t1"], "os_distro": "debian"}, sort="name:asc", limit=5))
assert [one.id for one in found] == [image.id], found
assert image.id in [one.id for one in owner.images.list(page_size=1)]
assert not list(owner.images.list(filters={"name": name, "status": "queued"}))

owner.images.update(image.id, remove_props=["os_distro"], name=f"{name}-2", hw_x="1", min_ram=64)
image = owner.images.get(image.id)
assert (image.name, image.hw_x, image.min_ram, "os_distro" in image) == (f"{name}-2", "1", 64, False), image
owner.image_tags.update(image.id, "größe 2")
assert set(owner.images.get(image.id).tags) == {"t1", "größe 2"}
owner.image_tags.delete(image.id, "größe 2")

try:
    partner.images.get(image.id)
    raise AssertionError("a stranger sees the image")
except exc.HTTPNotFound:
    pass
assert owner.image_members.create(image.id, project).status == "pending"
assert partner.image_members.update(image.id, project, "accepted").status == "accepted"
assert [one.member_id for one in owner.image_members.list(image.id)] == [project]
assert image.id in [one.id for one in partner.images.list()]
read = b"".join(partner.images.data(image.id, do_checksum=True))
assert read == data
try:
    partner.images.update(image.id, name="mine now")
    raise AssertionError("a member may change the image")
except exc.HTTPForbidden:
    pass
owner.image_members.delete(image.id, project)

owner.images.deactivate(image.id)
try:
    owner.images.data(image.id)
    raise AssertionError("a deactivated image gives its data")
except exc.HTTPForbidden:
    pass
owner.images.reactivate(image.id)
owner.images.delete(image.id)
try:
    owner.images.get(image.id)
    raise AssertionError("a deleted image is there")
except exc.HTTPNotFound:
    pass
print("done")
