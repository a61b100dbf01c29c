"""Run by a Python that has apache-libcloud: IMAGE_ID. All that its OpenStack driver can do with images of its own: it
makes images from servers and deletes them through Nova only, and never touches their data.
"""

import os
import sys

from libcloud.common.exceptions import BaseHTTPError
from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider

image_id = sys.argv[1]
project = os.environ["PARTNER_PROJECT"]


def connect(who):
    return get_driver(Provider.OPENSTACK)(
        who, "unused", ex_force_auth_url="http://127.0.0.1:9", ex_force_auth_token=os.environ[f"{who}_TOKEN"],
        ex_force_base_url=os.environ["IMAGE_ENDPOINT"], ex_tenant_name=who, ex_domain_name="Default", api_version="2.0",
    )  # fmt: skip


owner, partner = connect("OWNER"), connect("PARTNER")

image = owner.get_image(image_id)
assert (image.id, image.extra["status"], image.extra["visibility"]) == (image_id, "active", "shared"), image.extra
assert image_id in [one.id for one in owner.list_images()]

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
print("done")
