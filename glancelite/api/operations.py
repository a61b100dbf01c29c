"""THE operation table: every operation of the API, once. Routes, 405, permissions and reference are made from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flask import Response

from ..domain.patch import MEDIA_TYPES
from .gate import Call
from .v2 import image_data, images, imports, info, members, schemas, stores, tasks


@dataclass(frozen=True)
class Operation:
    """A row. `rule` is the policy rule asked before the view runs (empty: open, or asked by the use-case for what the
    body names). `target` is what is loaded first and must be visible. `parse` reads and checks the request before
    anything is looked for. `body` says whether a request may bring one.
    """

    name: str
    method: str
    path: str
    summary: str
    view: Callable[[Call], Response]
    rule: str = ""
    target: Literal["", "image"] = ""
    body: Literal["none", "json", "data"] = "none"
    parse: Callable[[Call], Any] | None = None
    success: int = 200
    takes: str = ""
    """Name of the schema of a JSON body."""
    gives: str = ""
    """Name of the schema of the answer; empty: none, or bytes."""
    media: tuple[str, ...] = ("application/json",)
    """Media types that a body may come in."""


# fmt: off
OPERATIONS: tuple[Operation, ...] = (
    Operation("create_image", "POST", "/v2/images", "Create an image.", images.create, body="json",
              parse=images.parse_create, success=201, takes="create_image", gives="image"),
    Operation("list_images", "GET", "/v2/images", "List images, a page at a time.", images.list_page,
              rule="get_images", parse=images.parse_list, gives="images"),
    Operation("show_image", "GET", "/v2/images/<image_id>", "Show an image.", images.show,
              rule="get_image", target="image", gives="image"),
    Operation("update_image", "PATCH", "/v2/images/<image_id>", "Change an image by JSON patch.", images.update,
              rule="modify_image", target="image", body="json", parse=images.parse_update,
              takes="patch", gives="image", media=MEDIA_TYPES),
    Operation("delete_image", "DELETE", "/v2/images/<image_id>", "Delete an image and its data.", images.delete,
              rule="delete_image", target="image", success=204),
    Operation("upload_image", "PUT", "/v2/images/<image_id>/file", "Upload an image's data.", image_data.upload,
              rule="upload_image", target="image", body="data", parse=image_data.parse_upload, success=204,
              media=("application/octet-stream",)),
    Operation("download_image", "GET", "/v2/images/<image_id>/file", "Download an image's data, or a range of it.",
              image_data.download, rule="download_image", target="image", parse=image_data.parse_download),
    Operation("stage_image", "PUT", "/v2/images/<image_id>/stage", "Put down an image's data for an import.",
              imports.stage, rule="modify_image", target="image", body="data", parse=imports.parse_stage, success=204,
              media=("application/octet-stream",)),
    Operation("import_image", "POST", "/v2/images/<image_id>/import", "Import an image's data.", imports.start_import,
              target="image", body="json", parse=imports.parse_import, success=202, takes="import_image"),
    Operation("list_image_tasks", "GET", "/v2/images/<image_id>/tasks", "List the tasks about an image.",
              tasks.list_of_image, target="image"),
    Operation("add_location", "POST", "/v2/images/<image_id>/locations", "Say where the data of a new image is.",
              imports.add_place, rule="add_image_location", target="image", body="json", parse=imports.parse_place,
              success=202, takes="add_location"),
    Operation("list_locations", "GET", "/v2/images/<image_id>/locations", "List where an image's data is kept.",
              imports.list_places, rule="fetch_image_location", target="image"),
    Operation("add_tag", "PUT", "/v2/images/<image_id>/tags/<tag>", "Add a tag to an image.", images.add_tag,
              rule="modify_image", target="image", success=204),
    Operation("remove_tag", "DELETE", "/v2/images/<image_id>/tags/<tag>", "Remove a tag from an image.",
              images.remove_tag, rule="modify_image", target="image", success=204),
    Operation("deactivate_image", "POST", "/v2/images/<image_id>/actions/deactivate",
              "Block an image's data for all but administrators.", images.deactivate, rule="deactivate", target="image",
              success=204),
    Operation("reactivate_image", "POST", "/v2/images/<image_id>/actions/reactivate",
              "Open a deactivated image's data again.", images.reactivate, rule="reactivate", target="image",
              success=204),
    Operation("add_member", "POST", "/v2/images/<image_id>/members", "Share an image with a project.", members.create,
              rule="add_member", target="image", body="json", parse=members.parse_create,
              takes="add_member", gives="member"),
    Operation("list_members", "GET", "/v2/images/<image_id>/members", "List the projects an image is shared with.",
              members.list_all, rule="get_members", target="image", gives="members"),
    Operation("show_member", "GET", "/v2/images/<image_id>/members/<member_id>", "Show one member of an image.",
              members.show, target="image", gives="member"),
    Operation("update_member", "PUT", "/v2/images/<image_id>/members/<member_id>", "Accept or reject a shared image.",
              members.update, target="image", body="json", parse=members.parse_update,
              takes="update_member", gives="member"),
    Operation("remove_member", "DELETE", "/v2/images/<image_id>/members/<member_id>",
              "Stop sharing an image with a project.", members.delete, rule="delete_member", target="image",
              success=204),
    Operation("remove_copy", "DELETE", "/v2/stores/<store_id>/<image_id>", "Take an image's copy out of one store.",
              stores.remove_copy, rule="delete_image_location", target="image", parse=stores.parse_removal,
              success=204),
    Operation("list_stores", "GET", "/v2/info/stores", "List the stores that images may be put into.", stores.list_all,
              parse=stores.parse_any),
    Operation("list_store_details", "GET", "/v2/info/stores/detail", "List the stores with how they are set up.",
              stores.list_details, rule="stores_info_detail", parse=stores.parse_any),
    Operation("show_import_methods", "GET", "/v2/info/import", "Show the ways to import image data.",
              stores.show_import_methods),
    Operation("create_task", "POST", "/v2/tasks", "Create a task.", tasks.create, rule="tasks_api_access", body="json",
              parse=tasks.parse_create, success=201, takes="create_task", gives="task"),
    Operation("list_tasks", "GET", "/v2/tasks", "List tasks, a page at a time.", tasks.list_page,
              rule="tasks_api_access", parse=tasks.parse_list, gives="tasks"),
    Operation("show_task", "GET", "/v2/tasks/<task_id>", "Show a task.", tasks.show, rule="tasks_api_access",
              gives="task"),
    Operation("show_usage", "GET", "/v2/info/usage", "Show what the caller's project uses of its limits.",
              info.show_usage),
    Operation("show_openapi", "GET", "/v2/openapi.json", "Show this API as an OpenAPI document.",
              schemas.show("openapi")),
    Operation("show_image_schema", "GET", "/v2/schemas/image", "Show the JSON schema of an image.",
              schemas.show("image")),
    Operation("show_images_schema", "GET", "/v2/schemas/images", "Show the JSON schema of a page of images.",
              schemas.show("images")),
    Operation("show_member_schema", "GET", "/v2/schemas/member", "Show the JSON schema of a member.",
              schemas.show("member")),
    Operation("show_members_schema", "GET", "/v2/schemas/members", "Show the JSON schema of a list of members.",
              schemas.show("members")),
    Operation("show_task_schema", "GET", "/v2/schemas/task", "Show the JSON schema of a task.", schemas.show("task")),
    Operation("show_tasks_schema", "GET", "/v2/schemas/tasks", "Show the JSON schema of a list of tasks.",
              schemas.show("tasks")),
)
# fmt: on
