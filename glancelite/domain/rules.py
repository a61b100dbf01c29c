"""Policy rules: name, default and what each protects. A policy file replaces defaults by name.

Defaults ask for roles. Those of older services asked only whose image it is; where `[oslo_policy] enforce_new_defaults`
is off, a rule's `before` is enough too.
"""

from dataclasses import dataclass

ADMIN = "rule:context_is_admin"
PROJECT_MEMBER = "role:member and project_id:%(owner)s"
_VISIBLE = "(project_id:%(owner)s or 'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s)"
_SHARER = "role:reader and (project_id:%(owner)s or project_id:%(member_id)s)"
READER_VISIBLE = f"role:reader and {_VISIBLE}"
MEMBER_VISIBLE = f"role:member and {_VISIBLE}"
_ANYBODY = "@"
_OWNER = "project_id:%(owner)s"
_MEMBER = "project_id:%(member_id)s"


@dataclass(frozen=True)
class Rule:
    """A rule: `default` in the rule language of `policy.py`; `protects` says what is allowed by it. `before` is what
    was enough before roles were told apart; empty: nothing but the default.
    """

    name: str
    default: str
    protects: str
    before: str = ""


# fmt: off
RULES: tuple[Rule, ...] = (
    Rule("default", "", "Nothing by itself; policy files of Glance name it."),
    Rule("context_is_admin", "role:admin", "Being an administrator of the image service."),
    Rule("service_api", f"{ADMIN} or role:service", "Nothing by itself; what is for services refers to it."),
    Rule("add_image", f"{ADMIN} or ({PROJECT_MEMBER})", "Create an image for a project.", _OWNER),
    Rule("get_image", f"{ADMIN} or ({READER_VISIBLE})", "Show an image.", _ANYBODY),
    Rule("get_images", f"{ADMIN} or (role:reader and project_id:%(project_id)s)", "List images.", _ANYBODY),
    Rule("modify_image", f"{ADMIN} or ({PROJECT_MEMBER})", "Change an image's metadata.", _OWNER),
    Rule("delete_image", f"{ADMIN} or ({PROJECT_MEMBER})", "Delete an image.", _OWNER),
    Rule("publicize_image", ADMIN, "Make an image public."),
    Rule("communitize_image", f"{ADMIN} or ({PROJECT_MEMBER})", "Make an image a community image.", _OWNER),
    Rule("upload_image", f"{ADMIN} or ({PROJECT_MEMBER})", "Upload image data.", _OWNER),
    Rule("download_image", f"{ADMIN} or ({MEMBER_VISIBLE})", "Download image data.", _ANYBODY),
    Rule("add_member", f"{ADMIN} or ({PROJECT_MEMBER})", "Share an image with a project.", _OWNER),
    Rule("delete_member", f"{ADMIN} or ({PROJECT_MEMBER})", "Stop sharing an image with a project.", _OWNER),
    Rule("get_member", f"{ADMIN} or ({_SHARER})", "Show a member of an image.", f"{_OWNER} or {_MEMBER}"),
    Rule("get_members", f"{ADMIN} or ({_SHARER})", "List the members of an image.", f"{_OWNER} or {_MEMBER}"),
    Rule("modify_member", f"{ADMIN} or (role:member and project_id:%(member_id)s)", "Accept or reject a shared image.",
         _MEMBER),
    Rule("deactivate", f"{ADMIN} or ({PROJECT_MEMBER})", "Block an image's data for all but administrators.", _OWNER),
    Rule("reactivate", f"{ADMIN} or ({PROJECT_MEMBER})", "Open a deactivated image's data again.", _OWNER),
    Rule("download_from_store", f"{ADMIN} or ({MEMBER_VISIBLE})", "Say which store image data is to come from."),
    Rule("delete_image_location", ADMIN, "Remove a copy of image data.", _OWNER),
    Rule("set_image_location", f"{ADMIN} or ({PROJECT_MEMBER})", "Say where image data is kept.", _OWNER),
    Rule("stores_info_detail", "rule:service_api", "See how the stores are set up."),
    Rule("copy_image", ADMIN, "Copy image data to other stores."),
    Rule("add_image_location", f"rule:service_api or ({PROJECT_MEMBER})", "Say where the data of a new image is."),
    Rule("fetch_image_location", "rule:service_api", "Be told the locations of an image."),
    Rule("tasks_api_access", ADMIN, "Use the tasks API."),
    Rule("get_task", "", "Show a task."),
    Rule("get_tasks", "", "List tasks."),
    Rule("add_task", "", "Create a task."),
    Rule("modify_task", "", "Nothing by itself; policy files of Glance name it."),
    Rule("get_image_location", f"{ADMIN} or (role:reader and project_id:%(owner)s)", "See where image data is kept.",
         _ANYBODY),
)
# fmt: on
