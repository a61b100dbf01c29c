"""The signature that an image's data has to fit."""

from ..domain.context import Context
from ..domain.image import Image
from ..domain.ports import Signature
from ..domain.signature import claim_of, is_signed
from ..errors import SignatureRefused
from .services import Services


def find_signature(services: Services, context: Context, image: Image, token: str) -> Signature | None:
    """What the properties of an image claim, None where they claim nothing. `token` is the caller's, at Keystone.

    Raises SignatureRefused where it cannot be checked: data that is said to be signed is not taken unchecked.
    """
    if not is_signed(image.properties):
        return None
    claim = claim_of(image.properties)
    if services.keys is None:
        raise SignatureRefused(reason="this service has no key manager ([key_manager] backend is not set).")
    if not token:
        raise SignatureRefused(reason="the certificate is read with the caller's token, and there is none.")
    return services.keys.open_signature(claim, context.project_id, token)
