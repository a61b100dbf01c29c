"""Run by a Python that has apache-libcloud: NAME FILE. All of an image's life, as owner and as partner.

Its OpenStack driver shows, lists, changes and shares images. It makes images from servers only and deletes them through
Nova, lists them without filters, and never touches their data: that is asked of the driver's own image connection.
"""

import hashlib
import os
import sys
from pathlib import Path

from libcloud.common.exceptions import BaseHTTPError
from libcloud.compute.drivers.openstack import OpenStack_2_ImageConnection, OpenStack_2_NodeDriver
from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider

name, path = sys.argv[1], Path(sys.argv[2])
data = path.read_bytes()
project = os.environ["PARTNER_PROJECT"]


class DataConnection(OpenStack_2_ImageConnection):
    """Sends what it is given as it is: libcloud's own encodes everything as JSON."""

    default_content_type = "application/octet-stream"

    def encode_data(self, data):
        return data


class DataDriver(OpenStack_2_NodeDriver):
    image_connectionCls = DataConnection


def connect(who, driver=None):
    return (driver or get_driver(Provider.OPENSTACK))(
        who, "unused", ex_force_auth_url="http://127.0.0.1:9", ex_force_auth_token=os.environ[f"{who}_TOKEN"],
        ex_force_base_url=os.environ["IMAGE_ENDPOINT"], ex_tenant_name=who, ex_domain_name="Default", api_version="2.0",
    )  # fmt: skip


owner, partner = connect("OWNER"), connect("PARTNER")

wish = {"name": name, "disk_format": "raw", "container_format": "bare", "os_distro": "arch", "visibility": "shared"}
made = owner.image_connection.request("/v2/images", method="POST", data=wish).object
image_id = made["id"]
assert (made["name"], made["status"]) == (name, "queued"), made
uploads = connect("OWNER", DataDriver).image_connection
assert uploads.request(f"/v2/images/{image_id}/file", method="PUT", data=data).status == 204

image = owner.get_image(image_id)
assert (image.id, image.extra["status"], image.extra["visibility"]) == (image_id, "active", "shared"), image.extra
shown = owner.image_connection.request(f"/v2/images/{image_id}").object
assert shown["checksum"] == hashlib.md5(data).hexdigest(), shown
assert image_id in [one.id for one in owner.list_images()]
for filters, found in (
    ({"status": "active"}, [image_id]),
    ({"os_distro": "arch"}, [image_id]),
    ({"status": "queued"}, []),
):
    page = owner.image_connection.request("/v2/images", params={"name": name, **filters}).object["images"]
    assert [one["id"] for one in page] == found, (filters, page)

patch = [{"op": "replace", "path": "/name", "value": "renamed"}, {"op": "add", "path": "/os_distro", "value": "debian"}]
image = owner.ex_update_image(image_id, patch)
assert (image.name, image.extra["os_distro"]) == ("renamed", "debian"), image.extra
image = owner.ex_update_image(image_id, [{"op": "remove", "path": "/os_distro"}])
assert image.extra["os_distro"] is None, image.extra

try:
    partner.get_image(image_id)
    raise AssertionError("a stranger sees the image")
except BaseHTTPError as error:
    assert error.code == 404, error
assert owner.ex_create_image_member(image_id, project).state == "pending"
assert partner.ex_accept_image_member(image_id, project).state == "accepted"
assert [one.id for one in owner.ex_list_image_members(image_id)] == [project]
assert partner.ex_get_image_member(image_id, project).state == "accepted"
assert image_id in [one.id for one in partner.list_images()]

read = b"".join(partner.image_connection.request(f"/v2/images/{image_id}/file", raw=True).iter_content(1 << 20))
assert hashlib.md5(read).hexdigest() == shown["checksum"]
assert read == data


def refusal(caller, method="GET"):
    try:
        caller.image_connection.request(f"/v2/images/{image_id}", method=method)
    except BaseHTTPError as error:
        return error.code
    return None


assert refusal(partner, "DELETE") == 403
assert owner.image_connection.request(f"/v2/images/{image_id}", method="DELETE").status == 204
assert refusal(owner) == 404
print("done")
