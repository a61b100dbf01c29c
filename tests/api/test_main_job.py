"""The main job, as a conversation: an image comes in and goes out byte for byte."""

import hashlib
import os

from harness import Api


def test_an_uploaded_image_comes_back_byte_for_byte(api: Api) -> None:
    data = os.urandom(3 * 1024 * 1024 + 17)
    image = api.create(name="Cirros", visibility="private")
    assert image["status"] == "queued"

    assert api.upload(image["id"], data).status == 204

    image = api.show(image["id"])
    assert (image["status"], image["size"]) == ("active", len(data))
    assert image["checksum"] == hashlib.md5(data).hexdigest()
    assert (image["os_hash_algo"], image["os_hash_value"]) == ("sha512", hashlib.sha512(data).hexdigest())
    assert api.get(image["file"]).body == data
