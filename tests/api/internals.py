"""Names that mean something to the code, and mean nothing in a request: each is a plain property there."""

from dataclasses import fields

from glancelite.domain.fields import BY_NAME
from glancelite.domain.image import Image, Location, Member

OURS = {field.name for kind in (Image, Location, Member) for field in fields(kind)} - BY_NAME.keys()
INTERNALS = sorted(
    {
        "extra_properties", "base", "member", "members", "image_id", "get_data", "set_data", "properties", "stored",
        "place", "revision", "store", "weight", "blob", "work", "marks", "deleted_by", "purge_at", "process", "row",
        "self_", "links", "images", "first", "next", "message", "code", "op", "path", "value",
        "__class__", "__dict__", "__init__", "_state", "constructor", "toString", "%(owner)s", "{image_id}", "None",
        "ID", "Status", "Name", "id ", "os-hidden", "OS_GLANCE_x", "_os_glance", "limits", "sort_keys",
        "size_min_", "min_disk_minimum", "created", "visibility_max", "project_id", "tenant", "is_public",
    }
    | OURS
)  # fmt: skip
