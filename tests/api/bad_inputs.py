"""A table of bad inputs with the status that each must get. `{image}` is an active image of ten bytes with a property
`p`, a tag `t` and a member `m`, `{IMAGE}` its id in capitals; `{queued}`, `{qcow2}` and `{bare}` have no data, the last
no formats either; `{shared}` is somebody else's who shares it with `{me}`, `{hidden}` somebody else's alone.
"""

import json
import struct
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from harness import PATCH_20, PATCH_21

NOWHERE = "00000000-0000-4000-8000-000000000000"
EMOJI, NUL, HALF = "\U0001f600", "\0", "\ud800"
LONG = "x" * 256
BYTES = "application/octet-stream"
WITH_BACKING_FILE = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, 104, 5, 16, 1 << 20, *[0] * 7).ljust(1024, b"\0")


@dataclass(frozen=True)
class Case:
    status: int
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = self.body[:60] if isinstance(self.body, bytes) else json.dumps(self.body)[:60]
        extra = " ".join(f"{name}={value[:40]}" for name, value in self.headers.items())
        return f"{self.status} {self.method} {self.path[:80]} {shown!r} {extra}".encode("ascii", "replace").decode()


def create(code: int, /, **fields: Any) -> Case:
    return Case(code, "POST", "/v2/images", fields)


def patch(status: int, *operations: Any, media: str = PATCH_21, image: str = "{image}") -> Case:
    return Case(status, "PATCH", f"/v2/images/{image}", list(operations), {"Content-Type": media})


def add(path: Any, value: Any = "v") -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def replace(path: str, value: Any = "v") -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def remove(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


def listing(status: int, query: str) -> Case:
    return Case(status, "GET", f"/v2/images?{query}")


def upload(status: int, data: Any = b"0123456789", image: str = "{queued}", **headers: str) -> Case:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(status, "PUT", f"/v2/images/{image}/file", data, {"Content-Type": BYTES} | named)


def download(status: int, **headers: str) -> Case:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(status, "GET", "/v2/images/{image}/file", None, named)


def share(status: int, body: Any) -> Case:
    return Case(status, "POST", "/v2/images/{image}/members", body)


def answer(status: int, body: Any, member: str = "{me}", image: str = "{shared}") -> Case:
    return Case(status, "PUT", f"/v2/images/{image}/members/{member}", body)


def quote_pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


READ_ONLY = (
    "status", "checksum", "size", "virtual_size", "direct_url", "self", "file", "schema", "created_at", "updated_at",
    "stores", "os_hash_algo", "os_hash_value",
)  # fmt: skip
RESERVED = ("location", "deleted", "deleted_at", "os_glance_x", "os_glance", "os_glanced")
FIELDS = (
    "owner", "visibility", "name", "tags", "protected", "os_hidden", "min_disk", "min_ram", "disk_format",
    "container_format",
)  # fmt: skip
NOT_JSON = (
    b"{", b"}", b"{'name': 'x'}", b"{} {}", b"{} x", b'{"a": 01}', b'{"a": .5}', b'{"a"}', b'{"a": "b",}',
    b'{"a": "\x01"}',
    b'{"min_ram": NaN}', b'{"min_ram": Infinity}', b'{"min_ram": -Infinity}', b'{"name": "\xff"}', b"\xff\xfe", b"\0",
    b'{"min_ram": ' + b"1" * 5000 + b"}", b"[" * 20000, b'{"a":' * 20000, b"[" * 20000 + b"]" * 20000,
    b'{"name": "\\x"}', b'{"name": "\\u12"}', b"undefined", b" ", b"/* */ {}",
)  # fmt: skip
BAD_VALUES: dict[str, tuple[Any, ...]] = {
    "name": (1, True, [], {}, 1.5, LONG, EMOJI, f"a{NUL}b", HALF),
    "visibility": (None, "", "Public", "hidden", 1, ["public"]),
    "protected": (None, "true", "", 0, 1, [], {}),
    "os_hidden": (None, "false", 1, {}),
    "min_disk": (None, "1", "", -1, 2147483648, 10**30, 1.5, True, [], -0.5, 1e300),
    "min_ram": (None, "1", -1, 2147483648, 1.000001, False, {}),
    "disk_format": ("", "exe", "QCOW2", 1, [], True, "raw ", f"raw{NUL}"),
    "container_format": ("", "box", "BARE", 1, {}, EMOJI),
    "tags": (None, "t", {}, 1, [1], [None], [["t"]], [{}], [LONG], ["ok", EMOJI], [NUL], [HALF], [True]),
    "owner": (1, [], LONG, EMOJI, True),
    "an_additional_property": (None, 1, 1.5, True, [], {}, ["a"], {"a": "b"}, EMOJI, NUL, HALF),
    "kernel_id": ("", "x", 1, NOWHERE + "\n", f"{{{NOWHERE}}}"),
    "ramdisk_id": ("x", [], NOWHERE.replace("-", "")),
    "architecture": (None, 1),
    "cinder_encryption_key_deletion_policy": ("never", 1, ""),
    LONG: ("v",),
    EMOJI: ("v",),
    f"a{NUL}": ("v",),
    HALF: ("v",),
}

CREATES = (
    Case(400, "POST", "/v2/images"),
    Case(400, "POST", "/v2/images", b""),
    *(Case(400, "POST", "/v2/images", body) for body in NOT_JSON),
    *(Case(400, "POST", "/v2/images", body) for body in ([], [{}], "x", 1, True, b"null", b"-0.5")),
    Case(400, "POST", "/v2/images", b'{"min_ram": 1e400}'),
    Case(400, "POST", "/v2/images", b'{"min_disk": -1e400}'),
    *(create(400, **{name: value}) for name, values in BAD_VALUES.items() for value in values),
    *(create(400, id=value) for value in (None, 1, "", "x", NOWHERE[:-1], NOWHERE + "0", NOWHERE.replace("-", ""))),
    *(
        create(400, id=value)
        for value in (f"{NOWHERE}\n", f" {NOWHERE}", f"{{{NOWHERE}}}", "g" + NOWHERE[1:], [NOWHERE])
    ),
    create(409, id="{image}"),
    *(create(403, **{name: "x"}) for name in (*READ_ONLY, *RESERVED)),
    create(403, locations=[]),
    create(403, status=None),
    create(403, size=-1),
    create(403, visibility="public"),
    create(403, owner="somebody-else"),
    create(403, owner=None),
    create(413, tags=[f"t{number}" for number in range(129)]),
    create(413, **{f"p{number}": "v" for number in range(129)}),
    create(413, name="x" * (1 << 21)),
)  # fmt: skip

PATCHES = (
    *(
        Case(415, "PATCH", "/v2/images/{image}", [], {"Content-Type": media})
        for media in (
            "", "application/json", "text/plain", BYTES, "application/json-patch+json", PATCH_21.upper(),
            "application/openstack-images-v2.2-json-patch", "application/openstack-images-v2-json-patch",
            PATCH_21 + "x", "x" + PATCH_21,
        )
    ),
    Case(415, "PATCH", "/v2/images/{image}", []),
    *(
        Case(400, "PATCH", "/v2/images/{image}", body, {"Content-Type": PATCH_21})
        for body in (None, b"", b"[", b"[{}", b'[{"op": "add", "path": "/a", "value": NaN}]', {}, {"op": "add"}, "x", 1)
    ),
    *(Case(400, "PATCH", "/v2/images/{image}", body, {"Content-Type": PATCH_20}) for body in (None, {}, b"[[[", "[]")),
    *(patch(400, item) for item in (1, None, "x", True, [], [{}], {}, {"op": "add"}, {"path": "/a"}, {"value": 1})),
    patch(400, {"path": "/a", "value": "v"}),
    patch(400, {"op": "add", "value": "v"}),
    patch(400, {"op": "add", "path": "/a"}),
    patch(400, {"op": "replace", "path": "/p"}),
    *(
        patch(400, {"op": op, "path": "/p", "value": "v"})
        for op in ("test", "move", "copy", "", "ADD", "add ", None, 1, [], {})
    ),
    *(
        patch(400, add(path))
        for path in (None, 1, True, [], {}, ["/a"], "", "a", "name", " /a", "/", "//", "/a/", "/a//b")
    ),
    *(
        patch(400, add(path))
        for path in ("/a~", "/a~2", "/~", "/a/b", "/tags/-", "/tags/0", "/name/x", "/p/0", "/a/b/c")
    ),
    *(patch(400, add(path)) for path in ("/locations", "/locations/1/url", "/locations/-/metadata/a")),
    *(patch(400, replace(path)) for path in ("/locations/0", "/tags/0", "/a/b")),
    *(patch(400, remove(path)) for path in ("/locations", "/p/", "/p/0", "p", "/tags/t")),
    patch(400, add(f"/{NUL}")),
    *(patch(400, add(f"/{quote_pointer(name)}", value)) for name, values in BAD_VALUES.items() for value in values),
    *(patch(403, replace(f"/{name}")) for name in (*READ_ONLY, *RESERVED, "id")),
    *(patch(403, add(f"/{name}")) for name in ("status", "id", "deleted", "os_glance_x")),
    *(patch(403, remove(f"/{name}")) for name in ("status", "id", "deleted", "os_glance_x", *FIELDS)),
    patch(403, replace("/disk_format", "raw")),
    patch(403, add("/container_format", "bare")),
    patch(403, replace("/owner", "somebody-else")),
    patch(403, add("/owner", "somebody-else")),
    patch(403, replace("/visibility", "public")),
    patch(403, replace("/locations", [])),
    patch(403, add("/locations/-", {"url": "file:///etc/passwd", "metadata": {}})),
    patch(409, replace("/missing")),
    patch(409, remove("/missing")),
    patch(409, remove("/p"), remove("/p")),
    patch(409, add("/new"), replace("/missing")),
    patch(403, add("/new"), remove("/name")),
    patch(400, add("/new"), add("/b", 1)),
    patch(409, {"add": "/p", "value": "v"}, media=PATCH_20),
    patch(409, {"replace": "/missing", "value": "v"}, media=PATCH_20),
    patch(409, {"remove": "/missing"}, media=PATCH_20),
    patch(400, {"add": "/a", "replace": "/p", "value": "v"}, media=PATCH_20),
    patch(400, {"add": "/a", "remove": "/p", "value": "v"}, media=PATCH_20),
    patch(400, {"value": "v"}, media=PATCH_20),
    patch(400, {"add": "/a"}, media=PATCH_20),
    patch(400, {"add": ["/a"], "value": "v"}, media=PATCH_20),
    patch(400, {"op": "add", "path": "/a", "value": "v"}, media=PATCH_20),
    patch(400, {"add": "/a", "value": "v"}),
    patch(413, replace("/tags", [f"t{number}" for number in range(129)])),
    patch(413, *(add(f"/p{number}") for number in range(129))),
    patch(400, add("/a", 1), image=NOWHERE),
    patch(403, remove("/name"), image=NOWHERE),
    patch(404, add("/a"), image=NOWHERE),
    patch(404, add("/a"), image="{hidden}"),
    patch(404, image="not-an-id"),
)  # fmt: skip

TIMES = ("x", "", "gt:", "2020-13-01", "2020-01-01T25:00:00Z", "xx:2020-01-01", "in:2020-01-01", "gt:gt:2020-01-01")
LISTS = (
    *(
        listing(400, f"limit={value}")
        for value in ("-1", "", "x", "1.5", "1e3", "%2B1", "%D9%A3", "0x10", "%20", "1%00")
    ),
    *(listing(400, f"marker={value}") for value in ("x", "", NOWHERE, "{hidden}", NOWHERE + "%0A", "%00", "{image}x")),
    *(
        listing(400, f"sort_key={value}")
        for value in ("x", "", "owner", "NAME", "tags", "name,size", "min_ram", "__class__")
    ),
    *(listing(400, f"sort_dir={value}") for value in ("x", "", "ASC", "up")),
    *(
        listing(400, f"sort={value}")
        for value in ("x", "", ":", "name:", "name:x", "name:asc,", ",name", "name:asc:desc")
    ),
    listing(400, "sort=name&sort_key=name"),
    listing(400, "sort=name&sort_dir=asc"),
    listing(400, "sort_key=name&sort_dir=asc&sort_dir=desc"),
    listing(400, "sort_key=name&sort_key=size&sort_key=id&sort_dir=asc&sort_dir=desc"),
    *(listing(400, f"visibility={value}") for value in ("x", "Public", "public,private", "public%00", "%20")),
    *(listing(400, f"member_status={value}") for value in ("x", "Accepted", "accepted,pending")),
    *(listing(400, f"os_hidden={value}") for value in ("", "1", "yes", "truee")),
    *(listing(400, f"protected={value}") for value in ("", "True", "1", "TRUE", "no")),
    *(listing(400, f"{name}=x:y") for name in ("name", "id", "status", "container_format", "disk_format")),
    *(
        listing(400, f"name={value}")
        for value in ("gt:a", "neq:a", "IN:a", "in:%22a", "in:a%22b%22", "in:%22a%22b", "a:b")
    ),
    *(listing(400, f"created_at={value}") for value in TIMES),
    *(listing(400, f"updated_at={value}") for value in ("x", "lte:", "eq:2020-02-30", "0001-01-01T00:00:00%2B14:00")),
    *(
        listing(400, f"{name}={value}")
        for name in ("size_min", "min_ram_max") for value in ("x", "", "1.5", "1e3", "0x1")
    ),
    *(
        listing(400, f"{name}=x")
        for name in ("size_max", "min_disk_min", "min_disk_max", "min_ram_min", "changes-since")
    ),
    listing(400, "name=%ff"),
    listing(400, "%ff=x"),
    listing(400, "&".join(["p"] * 1001)),
    Case(400, "GET", "/v2/images", {"a": 1}),
)  # fmt: skip

PATHS = (
    *(Case(404, "GET", f"/v2/images/{name}") for name in ("x", "{hidden}", NOWHERE + "%0A", "{IMAGE}", "..%2f", "%20")),
    *(Case(404, method, f"/v2/images/{NOWHERE}") for method in ("GET", "DELETE")),
    *(
        Case(404, "GET", path)
        for path in ("/v2/images/", "/v2/", "/v2/nothing", "/v2/images/{image}/", "/v2/images//file")
    ),
    *(Case(404, "GET", path) for path in ("/v2/images/{image}/nothing", "/v2/schemas/nothing", "/v2/schemas/")),
    *(Case(400, method, f"/v2/images/%ff{rest}") for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/file"))),
    *(Case(404, "GET", f"/v2/images/{name}") for name in ("%00", "{image}%00", quote(EMOJI), "a" * 1000)),
    *(Case(405, method, "/v2/images") for method in ("PUT", "PATCH", "DELETE", "HEAD", "TRACE", "FOO")),
    *(Case(405, method, "/v2/images/{image}") for method in ("POST", "PUT", "HEAD")),
    *(Case(405, method, "/v2/images/{image}/file") for method in ("POST", "PATCH", "DELETE", "HEAD")),
    *(Case(405, method, "/v2/schemas/image") for method in ("POST", "PUT", "DELETE", "HEAD")),
    *(Case(400, method, "/v2/images/{image}", {"a": 1}) for method in ("GET", "DELETE")),
    Case(400, "GET", "/v2/images/{image}/file", {"a": 1}),
    *(Case(400, "GET", f"/v2/schemas/{name}", b"{}") for name in ("image", "images", "member", "members")),
    *(Case(400, "POST", f"/v2/images/{{image}}/actions/{name}", b"{}") for name in ("deactivate", "reactivate")),
    *(Case(403, "POST", f"/v2/images/{{queued}}/actions/{name}") for name in ("deactivate", "reactivate")),
    *(Case(404, "POST", f"/v2/images/{{image}}/actions/{name}") for name in ("delete", "", "Deactivate")),
    Case(431, "GET", "/v2/images", None, {"X-Openstack-Request-Id": "x" * 65}),
    Case(404, "DELETE", "/v2/stores/file/{image}"),
    Case(404, "GET", "/v2/info/stores"),
    Case(400, "GET", "/v2/images/{image}/file?prefer=file"),
)  # fmt: skip

DATA = (
    *(
        Case(415, "PUT", "/v2/images/{queued}/file", b"x", {"Content-Type": kind})
        for kind in ("", "application/json", "text/plain", "application/octet", "multipart/form-data", f"x{BYTES}")
    ),
    *(
        upload(400, x_openstack_image_size=size)
        for size in ("x", "", "-1", "1.5", "+10", "0x10", "1e1", "10 10", "1" * 19, "9", "11", "0", "\u00b2")
    ),
    upload(413, x_openstack_image_size=str(10**15)),
    upload(413, Content_Length=str(10**15)),
    upload(400, image="{bare}"),
    upload(409, image="{image}"),
    upload(404, image=NOWHERE),
    upload(404, image="{hidden}"),
    upload(404, image="x"),
    upload(415, WITH_BACKING_FILE),
    upload(415, b"0123456789" * 100, image="{qcow2}"),
    upload(415, WITH_BACKING_FILE, image="{qcow2}"),
    *(
        download(416, Range=value)
        for value in (
            "bytes=", "junk", "items=0-1", "bytes=4-2", "bytes=10-", "bytes=10-12", "bytes=-0", "bytes=a-b",
            "bytes=--1", "bytes=1", "bytes=0x0-1", "bytes", "0-1", "bytes=1-2-3", "bytes=-", "bytes=+1-2", "",
            "bytes=\u00b2-", "bytes=1.0-2",
        )
    ),
    download(400, Range="bytes=0-1,3-4"),
    download(400, Range="bytes=0-1,"),
    *(
        download(416, Content_Range=value)
        for value in (
            "bytes */10", "bytes 5-20/30", "bytes 10-11/*", "x", "bytes 4-2/10", "bytes 0-4/3", "bytes 0-99/*", "",
        )
    ),
)  # fmt: skip

BAD_MEMBERS = ("", None, 1, True, [], {}, ["m"], LONG, EMOJI, NUL, HALF)
MEMBERS = (
    *(share(400, body) for body in (None, b"", b"{", [], {}, "m", 1, b"null", {"Member": "m"}, {"member_id": "m"})),
    *(share(400, {"member": value}) for value in BAD_MEMBERS),
    share(409, {"member": "m"}),
    *(answer(400, body) for body in (None, b"", b"}", [], {}, "accepted", {"Status": "accepted"})),
    *(answer(400, {"status": value}) for value in ("", "x", "ACCEPTED", None, 1, True, ["accepted"], {}, NUL, LONG)),
    answer(404, {"status": "accepted"}, member="nobody"),
    answer(403, {"status": "accepted"}, member="m", image="{image}"),
    answer(404, {"status": "accepted"}, image="{hidden}"),
    Case(404, "GET", "/v2/images/{image}/members/nobody"),
    Case(404, "DELETE", "/v2/images/{image}/members/nobody"),
    Case(404, "GET", "/v2/images/{image}/members/"),
    Case(404, "GET", "/v2/images/{hidden}/members"),
    Case(404, "POST", "/v2/images/{hidden}/members", {"member": "x"}),
    Case(403, "POST", "/v2/images/{shared}/members", {"member": "x"}),
    Case(403, "DELETE", "/v2/images/{shared}/members/{me}"),
    *(Case(400, method, "/v2/images/{image}/members/m", b"{}") for method in ("GET", "DELETE")),
    Case(400, "GET", "/v2/images/{image}/members", b"{}"),
    *(Case(400, method, "/v2/images/{image}/members/%ff") for method in ("GET", "DELETE")),
)  # fmt: skip

TAGS = (
    *(
        Case(400, "PUT", f"/v2/images/{{image}}/tags/{tag}")
        for tag in (LONG, quote(EMOJI), "%00", "%ff", "%ED%A0%80", "a%C3")
    ),
    Case(400, "PUT", "/v2/images/{image}/tags/new", {"a": 1}),
    Case(400, "DELETE", "/v2/images/{image}/tags/t", {"a": 1}),
    *(Case(404, "DELETE", f"/v2/images/{{image}}/tags/{tag}") for tag in ("missing", "T", "t%20", LONG)),
    *(Case(404, "PUT", f"/v2/images/{{image}}/tags/{tag}") for tag in ("", "a/b", "a%2Fb", "a/")),
    *(Case(404, "PUT", f"/v2/images/{name}/tags/new") for name in (NOWHERE, "{hidden}", "x")),
)  # fmt: skip
