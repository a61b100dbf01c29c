"""The tasks API: for administrators; tasks of type import, lists of tasks, and how tasks go."""

import gzip
import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any

import fastjsonschema
import pytest
from databases import change_rows, read_rows
from fakes.remote import Remote, answer
from harness import Api, Reply, Service, make_service, running
from importing import DATA, ENDED, create_staged, ended_task, reaching, run_import, tasks_of, wait_for

NOBODY = "00000000-0000-4000-8000-00000000dead"
STUB = {"id", "type", "status", "owner", "created_at", "updated_at", "self", "schema"}
SAID = {"image_id", "request_id", "user_id"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def web() -> Iterator[Remote]:
    remote = Remote()
    remote.pages["/disk"] = answer(DATA)
    yield remote
    remote.close()


@pytest.fixture(scope="module", params=["together", pytest.param("apart", marks=pytest.mark.slow)])
def service(request: pytest.FixtureRequest, web: Remote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data_dir = tmp_path_factory.mktemp(f"tasks-{request.param}") / "data"
    with running(make_service(data_dir, request.param, **reaching(web))) as started:
        yield started


@pytest.fixture
def admin(service: Service) -> Api:
    return Api(service.url).as_admin()


@pytest.fixture
def api(service: Service) -> Api:
    return Api(service.url)


def task_body(web: Remote, **more: Any) -> dict[str, Any]:
    given = {"import_from": web.url("/disk"), "import_from_format": "raw", "image_properties": {}} | more
    return {"type": "import", "input": given}


def wait_for_end(admin: Api, task_id: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        task: dict[str, Any] = admin.get(f"/v2/tasks/{task_id}").json
        return task if task["status"] in ENDED else None

    found: dict[str, Any] = wait_for(ended)
    return found


def listed(admin: Api, query: str = "") -> list[str]:
    reply = admin.get(f"/v2/tasks?limit=1000&{query}")
    assert reply.status == 200, reply.text
    return [task["id"] for task in reply.json["tasks"]]


# Who ------------------------------------------------------------------------------------------------------------------


def test_tasks_are_for_administrators(admin: Api, api: Api, web: Remote) -> None:
    task_id = admin.post("/v2/tasks", task_body(web)).json["id"]
    for caller in (api, api.as_reader(), admin.as_project("admin-project")):
        replies = (
            caller.post("/v2/tasks", task_body(web)),
            caller.get("/v2/tasks"),
            caller.get(f"/v2/tasks/{task_id}"),
            caller.get(f"/v2/tasks/{NOBODY}"),
        )
        assert {reply.status for reply in replies} == {403}
    assert api.as_nobody().get("/v2/tasks").status == 401


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "POST"])
def test_tasks_are_neither_changed_nor_deleted(admin: Api, method: str) -> None:
    reply = admin.request(method, f"/v2/tasks/{NOBODY}")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET")


# Creating -------------------------------------------------------------------------------------------------------------


def test_a_task_makes_an_image_of_what_it_fetches(admin: Api, web: Remote) -> None:
    properties = {"name": "by task", "container_format": "ovf", "visibility": "public", "hw_x": "1", "tags": ["t"]}
    reply = admin.post("/v2/tasks", task_body(web, image_properties=properties))
    assert reply.status == 201, reply.text
    made = reply.json
    assert reply.headers["Location"] == f"{admin.url}/v2/tasks/{made['id']}"
    assert made["status"] in ("pending", "processing", "success") and made["type"] == "import"
    assert made["input"]["image_properties"] == properties
    task = wait_for_end(admin, made["id"])
    assert task["status"] == "success", task
    assert set(task) == STUB | SAID | {"input", "result", "message", "expires_at"}
    image = admin.show(task["result"]["image_id"])
    assert set(task["result"]) == {"image_id"}
    shown = {name: image[name] for name in (*properties, "status", "disk_format", "size")}
    assert shown == properties | {"status": "active", "disk_format": "raw", "size": len(DATA)}
    assert admin.get(image["file"]).body == DATA
    assert "os_glance_import_task" not in image


# Packages of type ova -------------------------------------------------------------------------------------------------

OVF = """<?xml version="1.0"?>{doctype}
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:pasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ProcessorAllocationSettingData">
 <References><File ovf:id="f1" ovf:href="{href}"/></References>
 <DiskSection>{disks}</DiskSection>
 <VirtualSystem ovf:id="vm"><VirtualHardwareSection><Item>
  <pasd:InstructionSet>x86:i686</pasd:InstructionSet>
  <pasd:InstructionSetExtensionName>DMTF:x86:SSE2 DMTF:x86:SSE3</pasd:InstructionSetExtensionName>
 </Item></VirtualHardwareSection></VirtualSystem>
</Envelope>"""
ONE_DISK = '<Disk ovf:diskId="d1" ovf:fileRef="f1"/>'


def ova(
    files: Mapping[str, bytes] | None = None, href: str = "disk.img", disks: str = ONE_DISK, doctype: str = ""
) -> bytes:
    """A package; by default one as it should be."""
    description = OVF.format(href=href, disks=disks, doctype=doctype).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:") as tar:
        for name, data in (files or {"vm.ovf": description, "vm.mf": b"", "disk.img": DATA}).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(description if data == b"OVF" else data))
    return packed.getvalue()


def import_package(admin: Api, web: Remote, package: bytes) -> dict[str, Any]:
    web.pages["/vm.ova"] = answer(package)
    properties = {"name": "packed", "container_format": "ova"}
    made = admin.post("/v2/tasks", task_body(web, import_from=web.url("/vm.ova"), image_properties=properties))
    assert made.status == 201, made.text
    return wait_for_end(admin, made.json["id"])


def test_the_disk_is_taken_out_of_a_package_with_what_it_says_of_the_processor(admin: Api, web: Remote) -> None:
    task = import_package(admin, web, ova())
    assert task["status"] == "success", task
    image = admin.show(task["result"]["image_id"])
    assert (image["status"], image["container_format"], image["size"]) == ("active", "bare", len(DATA))
    assert admin.get(image["file"]).body == DATA
    assert {name: value for name, value in image.items() if name.startswith("CIM_")} == {
        "CIM_PASD_InstructionSet": "x86:i686",
        "CIM_PASD_InstructionSetExtensionName": "DMTF:x86:SSE2 DMTF:x86:SSE3",
    }


def long_header() -> bytes:
    """A tar whose first header says that 8 GiB of names follow."""
    member = tarfile.TarInfo("././@PaxHeader")
    member.type, member.size = tarfile.XHDTYPE, (8 << 30) - 512
    return member.tobuf(tarfile.USTAR_FORMAT) + bytes(8 << 20)


def sparse(data: bytes) -> bytes:
    """A tar with a file that has holes, where its data is to begin with how many."""
    member, packed = tarfile.TarInfo("x"), io.BytesIO()
    member.size = len(data)
    said = {"major": "1", "minor": "0", "name": "disk.img", "realsize": "1"}
    member.pax_headers = {f"GNU.sparse.{name}": value for name, value in said.items()}
    with tarfile.open(fileobj=packed, mode="w:", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


HUGE = OVF.format(href="disk.img", disks=ONE_DISK, doctype="").encode() + b" " * (1 << 20)
PACKAGES = {
    "no tar": (b"no tar" * 1000, "it is no tar"),
    "compressed": (gzip.compress(ova()), "it is no tar"),
    "cut in its disk": (ova()[: len(DATA) // 2], "it ends too early|it is no tar"),
    "empty": (ova({"x": b""}), "it has 0 descriptions"),
    "two descriptions": (ova({"a.ovf": b"OVF", "b.ovf": b"OVF", "disk.img": DATA}), "it has 2 descriptions"),
    "no XML": (ova({"a.ovf": b"<Envelope", "disk.img": DATA}), "its description is no XML"),
    "no disk": (ova(disks=""), "it has 0 disks"),
    "two disks": (ova(disks=ONE_DISK * 2), "it has 2 disks"),
    "a disk of no file": (ova(disks='<Disk ovf:fileRef="f2"/>'), "does not say which file the disk is"),
    "a file that is not there": (ova(href="other.img"), "which it does not have"),
    "a file elsewhere": (ova(href="../../../etc/passwd"), "which it does not have"),
    "entities": (ova(doctype='<!DOCTYPE x [<!ENTITY a "b">]>'), "its description is no XML, or more than that"),
    "a long description": (ova({"a.ovf": HUGE, "disk.img": DATA}), "its description has more than"),
    "a long header": (long_header(), "it is no tar"),
    "a number that is none": (sparse(b"many\n" + bytes(1 << 10)), "it is no tar"),
    "many holes": (sparse(b"1500000\n" + b"0\n0\n" * 1_500_000 + bytes(1 << 10)), "it is no tar"),
    "many files": (ova({f"{number}": b"" for number in range(1001)}), "it has more than 1000 files"),
}


@pytest.mark.parametrize("kind", PACKAGES)
def test_a_package_that_is_not_as_it_should_be_leaves_no_image(admin: Api, web: Remote, kind: str) -> None:
    package, reason = PACKAGES[kind]
    before = {image["id"] for image in admin.list("name=packed")}

    task = import_package(admin, web, package)

    assert task["status"] == "failure", task
    assert re.search(f"The OVA of image .* cannot be processed: .*({reason})", task["message"]), task["message"]
    assert {image["id"] for image in admin.list("name=packed")} == before


BODIES: tuple[tuple[Any, str], ...] = (
    (b"", "Body expected"),
    (b"{", "Malformed JSON"),
    ([], "object with a type"),
    ({}, "object with a type"),
    ({"type": "import"}, "input must be an object"),
    ({"type": 5, "input": {}}, "object with a type"),
    ({"type": "export", "input": {}}, "export"),
    ({"type": "import", "input": []}, "input must be an object"),
    ({"type": "import", "input": {}}, "import_from"),
)


@pytest.mark.parametrize(("body", "words"), BODIES, ids=[ascii(body) for body, _ in BODIES])
def test_a_body_that_is_no_task_is_refused(admin: Api, body: Any, words: str) -> None:
    reply = admin.post("/v2/tasks", body)
    assert (reply.status, words in reply.json["message"]) == (400, True), reply.text


@pytest.mark.parametrize("name", ["status", "id", "message", "result", "owner"])
def test_only_type_and_input_make_a_task(admin: Api, web: Remote, name: str) -> None:
    reply = admin.post("/v2/tasks", task_body(web) | {name: "x"})
    assert (reply.status, name in reply.json["message"]) == (400, True), reply.text


INPUTS: tuple[tuple[str, Any], ...] = (
    ("import_from", None),
    ("import_from", 5),
    ("import_from", ""),
    ("import_from", "file:///etc/passwd"),
    ("import_from", "swift://x/y"),
    ("import_from", "http://10.0.0.1/"),
    ("import_from_format", None),
    ("import_from_format", 5),
    ("import_from_format", "floppy"),
    ("image_properties", None),
    ("image_properties", []),
    ("image_properties", {"name": 5}),
    ("image_properties", {"id": "no uuid"}),
    ("image_properties", {"container_format": "box"}),
    ("image_properties", {"x": ["list"]}),
)


@pytest.mark.parametrize(("name", "value"), INPUTS, ids=ascii)
def test_an_input_that_makes_no_image_is_refused(admin: Api, web: Remote, name: str, value: Any) -> None:
    body = task_body(web, **{name: value})
    if value is None:
        del body["input"][name]
    before = listed(admin)
    reply = admin.post("/v2/tasks", body)
    assert 400 <= reply.status < 404, reply.text
    assert listed(admin) == before


@pytest.mark.parametrize(
    "properties", [{"os_glance_import_task": "x"}, {"status": "active"}, {"owner": None, "size": 5}]
)
def test_what_nobody_may_set_no_task_sets(admin: Api, web: Remote, properties: dict[str, Any]) -> None:
    reply = admin.post("/v2/tasks", task_body(web, image_properties=properties))
    assert reply.status in (400, 403), reply.text


def test_a_task_that_fails_leaves_no_image(admin: Api, web: Remote) -> None:
    body = task_body(web, image_properties={"name": "gone"}, import_from=web.url("/nothing"))
    task = wait_for_end(admin, admin.post("/v2/tasks", body).json["id"])
    assert (task["status"], task["result"]) == ("failure", None)
    assert "There is nothing to fetch" in task["message"]
    assert admin.list("name=gone") == []


# Lists ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known(service: Service, web: Remote) -> dict[str, str]:
    """Ended tasks by what they are; the project of the imports is one of its own."""
    admin, api = Api(service.url).as_admin(), Api(service.url)
    found = {}
    for name, url in (("good", "/disk"), ("bad", "/nothing")):
        reply = admin.post("/v2/tasks", task_body(web, import_from=web.url(url)))
        found[name] = wait_for_end(admin, reply.json["id"])["id"]
    image = create_staged(api)
    found["imported"] = run_import(api, image["id"], "glance-direct")["id"]
    found["refused"] = run_import(api, api.create()["id"], "web-download", uri=web.url("/nothing"))["id"]
    place = api.create()
    assert api.post(f"/v2/images/{place['id']}/locations", {"url": web.url("/disk")}).status == 202
    found["located"] = ended_task(api, place["id"])["id"]
    return found


def test_a_list_has_stubs_of_all_projects_tasks_the_newest_first(admin: Api, known: dict[str, str]) -> None:
    reply = admin.get("/v2/tasks?limit=1000")
    assert set(reply.json) == {"tasks", "first", "schema"}
    assert (reply.json["schema"], reply.json["first"]) == ("/v2/schemas/tasks", "/v2/tasks?limit=1000")
    tasks = {task["id"]: task for task in reply.json["tasks"]}
    assert set(known.values()) <= set(tasks)
    for task in tasks.values():
        assert STUB <= set(task) <= STUB | SAID | {"expires_at"}
        assert (task["self"], task["schema"]) == (f"/v2/tasks/{task['id']}", "/v2/schemas/task")
        assert TIME.fullmatch(task["created_at"]) and TIME.fullmatch(task["updated_at"])
    assert tasks[known["imported"]]["owner"] != tasks[known["good"]]["owner"]
    order = [task_id for task_id in tasks if task_id in known.values()]
    assert order == list(known.values())[::-1]


FILTERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("status=success", ("good", "imported", "located")),
    ("status=failure", ("bad", "refused")),
    ("status=pending", ()),
    ("status=processing", ()),
    ("type=import", ("good", "bad")),
    ("type=api_image_import", ("imported", "refused")),
    ("type=location_import", ("located",)),
    ("type=import&status=failure", ("bad",)),
    ("sort_dir=asc", ("good", "bad", "imported", "refused", "located")),
    ("sort_key=created_at&sort_dir=desc", ("located", "refused", "imported", "bad", "good")),
    ("sort_key=type&sort_dir=asc&status=failure", ("refused", "bad")),
)


@pytest.mark.parametrize(("query", "names"), FILTERS, ids=[query for query, _ in FILTERS])
def test_filters_and_sorting(admin: Api, known: dict[str, str], query: str, names: tuple[str, ...]) -> None:
    found = [task_id for task_id in listed(admin, query) if task_id in known.values()]
    wanted = [known[name] for name in names]
    assert found == wanted if "sort" in query else set(found) == set(wanted)


@pytest.mark.parametrize("key", ["id", "type", "status", "created_at", "updated_at", "expires_at"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_every_task_is_on_one_page_however_they_are_sorted(
    admin: Api, known: dict[str, str], key: str, direction: str
) -> None:
    wanted = listed(admin, f"sort_key={key}&sort_dir={direction}")
    found, link = [], f"/v2/tasks?limit=2&sort_key={key}&sort_dir={direction}"
    while link:
        reply = admin.get(link)
        assert reply.status == 200, reply.text
        assert reply.json["first"] == f"/v2/tasks?limit=2&sort_key={key}&sort_dir={direction}"
        found += [task["id"] for task in reply.json["tasks"]]
        link = reply.json.get("next", "")
    assert found == wanted
    assert len(set(found)) == len(found)


def test_a_limit_of_nothing_is_an_empty_page(admin: Api, known: dict[str, str]) -> None:
    reply = admin.get("/v2/tasks?limit=0")
    assert (reply.status, reply.json["tasks"], "next" in reply.json) == (200, [], False)


@pytest.mark.parametrize(
    "query",
    ["status=done", "status=", "type=export", "type=", "limit=-1", "limit=x", "limit=", "sort_key=owner", "sort_key=",
     "sort_dir=up", f"marker={NOBODY}", "marker=x"],
)  # fmt: skip
def test_a_query_that_is_not_understood_is_refused(admin: Api, query: str) -> None:
    assert admin.get(f"/v2/tasks?{query}").status == 400


def test_a_task_that_nobody_knows_is_not_there(admin: Api) -> None:
    for identity in (NOBODY, "x", "%00"):
        assert admin.get(f"/v2/tasks/{identity}").status == 404


# What they look like --------------------------------------------------------------------------------------------------


def test_tasks_are_as_their_schemas_say(admin: Api, known: dict[str, str]) -> None:
    one, many = (admin.get(f"/v2/schemas/{name}").json for name in ("task", "tasks"))
    check_one = fastjsonschema.compile({"type": "object", "additionalProperties": False} | one)
    check_many = fastjsonschema.compile({"type": "object"} | many)
    for task_id in known.values():
        check_one(admin.get(f"/v2/tasks/{task_id}").json)
    check_many(admin.get("/v2/tasks?limit=1000").json)
    assert set(one["properties"]["type"]["enum"]) == {"import", "api_image_import", "location_import"}
    assert one["properties"]["status"]["enum"] == ["pending", "processing", "success", "failure"]


def test_tasks_of_an_image_are_told_to_those_who_see_it(service: Service, api: Api, web: Remote) -> None:
    image = create_staged(api, visibility="community")
    run_import(api, image["id"], "glance-direct")
    (task,) = tasks_of(api, image["id"])
    names = {"deleted_at", "deleted", "expires_at", "input", "result", "message"} | STUB | SAID
    assert set(task) == names - {"self", "schema"}
    for name in ("created_at", "updated_at", "expires_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", task[name]), task
    assert (task["deleted"], task["deleted_at"]) == (False, None)
    assert tasks_of(api.as_admin(), image["id"]) == [task]
    assert tasks_of(api.as_stranger(), image["id"]) == []  # sees the image, not what others did
    hidden = api.create()
    assert api.as_stranger().get(f"/v2/images/{hidden['id']}/tasks").status == 404
    assert api.get(f"/v2/images/{NOBODY}/tasks").status == 404


def test_an_ended_task_expires_and_is_gone(service: Service, admin: Api, api: Api) -> None:
    image = create_staged(api)
    task = run_import(api, image["id"], "glance-direct")
    database = service.database
    ((ended, expires),) = read_rows(database, "SELECT updated_at, expires_at FROM tasks WHERE id = ?", task["id"])
    assert abs(int(expires) - int(ended) - 48 * 3600 * 1_000_000) < 2_000_000
    assert change_rows(database, "UPDATE tasks SET expires_at = ? WHERE id = ?", 1, task["id"]) == 1
    assert admin.get(f"/v2/tasks/{task['id']}").status == 404
    assert task["id"] not in listed(admin)
    assert tasks_of(api, image["id"]) == []
    assert admin.get(f"/v2/tasks?marker={task['id']}").status == 400
    assert api.show(image["id"])["status"] == "active"


def test_a_task_that_waits_does_not_expire(service: Service, admin: Api, api: Api, web: Remote) -> None:
    task = admin.post("/v2/tasks", task_body(web)).json
    assert "expires_at" not in task


def test_nothing_but_get_and_post_is_known_of_the_list(admin: Api) -> None:
    reply: Reply = admin.delete("/v2/tasks")
    assert reply.status == 405
    assert set(reply.headers["Allow"].replace(" ", "").split(",")) == {"GET", "POST"}
