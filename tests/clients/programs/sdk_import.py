"""Run by a Python that has openstacksdk: NAME FILE URI. Imports by every method, as owner and as administrator."""

import hashlib
import inspect
import os
import sys
import time
from pathlib import Path

import openstack

name, path, uri = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
data = path.read_bytes()
endpoint, is_multi = os.environ["IMAGE_ENDPOINT"], bool(os.environ["IS_MULTI"])
FORMATS = {"disk_format": "raw", "container_format": "bare"}


def connect(who):
    auth = {"username": who, "password": os.environ["PASSWORD"], "endpoint": endpoint}
    return openstack.connect(
        auth_type="http_basic", auth=auth, image_endpoint_override=endpoint, load_yaml_config=False, load_envvars=False
    )


owner, admin = connect("owner"), connect("boss")


def wait_for(image, *, status, stores="", failed=""):
    deadline = time.monotonic() + 30
    while True:
        now = owner.image.get_image(image.id)
        pending = now.properties.get("os_glance_import_task") or now.status in ("importing", "saving")
        if not pending and (now.status == status or time.monotonic() > deadline):
            break
        assert time.monotonic() < deadline, now
        time.sleep(0.1)
    found = now.to_dict()
    text = now.properties.get("os_glance_failed_import", "")
    assert (now.status, text) == (status, failed), found
    if status == "active":
        assert now.hash_value == hashlib.sha512(data).hexdigest(), found
        assert now.properties.get("stores", "") == (stores if is_multi else ""), found


assert owner.image.get_import_info().import_methods["value"] == ["glance-direct", "web-download", "copy-image"]

# created by an import
image = owner.create_image(f"{name}-1", filename=str(path), use_import=True, wait=True, **FORMATS)
wait_for(image, status="active", stores="fast")
if "import_method" in inspect.signature(owner.image.create_image).parameters:  # older ones have use_import only
    image = owner.image.create_image(
        f"{name}-2", filename=str(path), import_method="glance-direct", use_import=True, **FORMATS
    )
    wait_for(image, status="active", stores="fast")
    image = owner.image.create_image(f"{name}-3", import_method="web-download", uri=uri, use_import=True, **FORMATS)
    wait_for(image, status="active", stores="fast")
    if is_multi:
        assert {store.id for store in owner.image.stores()} == {"fast", "cheap", "broken"}
        image = owner.image.create_image(f"{name}-4", filename=str(path), stores=["fast", "cheap"], **FORMATS)
        wait_for(image, status="active", stores="cheap,fast")
        image = owner.image.create_image(
            f"{name}-5", filename=str(path), all_stores=True, all_stores_must_succeed=False, **FORMATS
        )
        wait_for(image, status="active", stores="cheap,fast", failed="broken")
        image = owner.image.create_image(
            f"{name}-6", filename=str(path), all_stores=True, all_stores_must_succeed=True, **FORMATS
        )
        wait_for(image, status="uploading", failed="broken")

# staged, then imported
image = owner.image.create_image(f"{name}-7", **FORMATS)
image = owner.image.stage_image(image, filename=str(path))
assert image.status == "uploading", image
choice = {"stores": ["cheap", "fast"], "all_stores_must_succeed": True} if is_multi else {}
assert owner.image.import_image(image, method="glance-direct", **choice).status_code == 202
wait_for(image, status="active", stores="cheap,fast")

# fetched
image = owner.image.create_image(f"{name}-8", **FORMATS)
assert owner.image.import_image(image, method="web-download", uri=uri, **choice).status_code == 202
wait_for(image, status="active", stores="cheap,fast")

# copied
image = owner.create_image(f"{name}-9", filename=str(path), wait=True, **FORMATS)
if is_multi:
    reply = admin.image.import_image(image, method="copy-image", stores=["cheap"])
    assert reply.status_code == 202, reply.text
    wait_for(image, status="active", stores="cheap,fast")
    reply = admin.image.import_image(image, method="copy-image", all_stores=True, all_stores_must_succeed=False)
    assert reply.status_code == 202, reply.text
    wait_for(image, status="active", stores="cheap,fast", failed="broken")

tasks = list(admin.image.tasks(status="success"))
assert tasks and all(task.status == "success" for task in tasks)
assert admin.image.get_task(tasks[0].id).type == "api_image_import"
print("done")
