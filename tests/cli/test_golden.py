"""What `image list --long` and `image show` print in every format, kept as files that the real `openstack` made of the
same images. (Not in them: backslashes, `$` and backquotes, which we escape in shell output and openstack does not.)
`GLANCELITE_MAKE_GOLDEN=1 pytest tests/cli/test_golden.py` makes them anew.
"""

import os
from pathlib import Path

import pytest

GOLDEN = Path(__file__).with_name("golden")
ID, OTHER_ID = "505be7df-a7ae-452b-b804-dbb0b01bbe01", "7c3f6a52-0e2b-4ad4-9d0f-0f6d4f2f7a02"
IMAGE = {
    "zeta": "1", "os_distro": "debian", "hw_cpu_cores": "2", "hw_boot_menu": "true", "quote": 'a "q"',
    "uni": "grün", "name": "Cirros 0.6", "disk_format": "qcow2", "container_format": "bare", "visibility": "public",
    "size": 21692416, "virtual_size": 117440512, "status": "active", "checksum": "c8fc807773e5354afe61636071771906",
    "protected": True, "min_ram": 0, "min_disk": 1, "owner": "9a3f0d6c5b1e4d7f8a2b3c4d5e6f7081", "os_hidden": False,
    "os_hash_algo": "sha512", "os_hash_value": "1103b92ce8ad966e41235a4de260deb791ff571670c0342666c8582fbb9caefe"
    "6af07ebb11d34f44f8414b609b29c1bdf1d72ffa6faa39c88e8721d09847952b", "id": ID, "tags": ["zz", "aa", "m m"],
    "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:06Z", "self": f"/v2/images/{ID}",
    "file": f"/v2/images/{ID}/file", "schema": "/v2/schemas/image",
}  # fmt: skip
OTHER = {
    "name": "ubuntu", "disk_format": "raw", "container_format": "bare", "visibility": "shared", "size": None,
    "virtual_size": None, "status": "queued", "checksum": None, "protected": False, "min_ram": 512, "min_disk": 0,
    "owner": "9a3f0d6c5b1e4d7f8a2b3c4d5e6f7081", "os_hidden": False, "os_hash_algo": None, "os_hash_value": None,
    "id": OTHER_ID, "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:06Z", "tags": [],
    "self": f"/v2/images/{OTHER_ID}", "file": f"/v2/images/{OTHER_ID}/file", "schema": "/v2/schemas/image",
}  # fmt: skip
COMMANDS = {
    f"{name}.{form}": (*words, "-f", form)
    for name, words, forms in (
        ("list", ("image", "list"), "table value csv yaml json"),
        ("list-long", ("image", "list", "--long"), "table value csv yaml json"),
        ("show", ("image", "show", ID), "table value shell yaml json"),
        ("show-queued", ("image", "show", OTHER_ID), "table value shell yaml json"),
    )
    for form in forms.split()
}


@pytest.fixture(scope="session")
def endpoint():
    """Nobody: all is said by the canned service."""
    return "http://127.0.0.1:9"


@pytest.fixture
def told(canned):
    """A service that has just these two images."""
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": [IMAGE, OTHER]})
    link = {"rel": "self", "href": f"{canned.url}/v2/"}
    versions = {"versions": [{"id": "v2.17", "status": "CURRENT", "links": [link]}]}
    canned.answers["GET", "/"] = canned.answers["GET", "/v2"] = canned.answers["GET", "/v2/"] = (300, {}, versions)
    for image in (IMAGE, OTHER):
        canned.answers["GET", f"/v2/images/{image['id']}"] = (200, {}, image)
    return canned.url


@pytest.mark.parametrize("file", COMMANDS)
def test_each_format_is_byte_for_byte_that_of_openstack(glancelite, told, file):
    done = glancelite(*COMMANDS[file], OS_ENDPOINT=told)

    assert done.data == (GOLDEN / file).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("file", COMMANDS)
def test_the_files_are_what_openstack_prints(peer, environ, told, file, tmp_path):
    done = peer([*COMMANDS[file]], {**environ, "OS_ENDPOINT": told}, tmp_path)

    assert done.code == 0, done.err
    if os.environ.get("GLANCELITE_MAKE_GOLDEN"):
        (GOLDEN / file).write_bytes(done.data)
    assert done.data == (GOLDEN / file).read_bytes()
