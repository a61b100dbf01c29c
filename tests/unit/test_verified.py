"""The whole of an image's data is never given to its end where it is not what was put there."""

import hashlib
import io

import pytest

from glancelite.domain.image import Image
from glancelite.errors import DataChanged
from glancelite.usecases.data import Verified

DATA = b"0123456789"


def of(data: bytes) -> Image:
    return Image(id="x", size=len(data), os_hash_algo="sha256", os_hash_value=hashlib.sha256(data).hexdigest())


def test_what_is_as_it_was_goes_out() -> None:
    body = Verified(io.BytesIO(DATA), of(DATA))
    assert [body.read(4), body.read(4), body.read(4)] == [b"0123", b"4567", b"89"]


def test_the_piece_that_would_complete_other_data_is_kept_back() -> None:
    body = Verified(io.BytesIO(b"012345678x"), of(DATA))
    assert [body.read(4), body.read(4)] == [b"0123", b"4567"]
    with pytest.raises(DataChanged):
        body.read(4)
