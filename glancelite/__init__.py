"""glancelite: an image service that speaks the OpenStack Image API."""

__version__ = "0.1.0"
