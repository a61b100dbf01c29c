"""Every command on images, said to `openstack` and to us, by the same people of the same service: what they print with
`-f json`, their exit codes, and what has become of the image must be the same.

Both log in at a Keystone that is a fake, so that projects have names; its tokens are the service's own. Where we differ
on purpose, the table says so.
"""

import json
import os
import re
import shlex
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Run
from clients.cloud import PASSWORD, enlist
from fakes.keystone import FakeKeystone, User, serving
from harness import make_service, running

HOME, ABROAD, AWAY = (uuid.uuid4().hex for _ in range(3))
PROJECTS = {HOME: ("home", "default"), ABROAD: ("abroad", "default"), AWAY: ("away", "0d1e2f")}
STORES = {"ENABLED_BACKENDS": "fast:file,slow:file", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}
LIMITS = {"IMAGE_MEMBER_QUOTA": "3"}

# Commands that change nothing, by somebody, on `{image}`, shared with the project `abroad`, or `{dull}`, without data.
# fmt: off
LOOKS = (
    "owner    image list",
    "owner    image list --long",
    "owner    image list --public",
    "owner    image list --private",
    "owner    image list --community",
    "owner    image list --shared",
    "owner    image list --all",
    "owner    image list --property mark=yes",
    "owner    image list --name {image}",
    "owner    image list --status active",
    "owner    image list --tag new",
    "owner    image list --tag new --tag newer",
    "owner    image list --hidden",
    "owner    image list --sort name:desc",
    "owner    image list --sort status:asc,name:desc",
    "owner    image list --sort created_at:desc --marker {dull}",
    "owner    image list --sort created_at:desc --max-items 1",
    "owner    image list --page-size 7",
    "partner  image list --member-status pending",
    "partner  image list --member-status PENDING",
    "partner  image list --member-status accepted",
    "partner  image list --member-status all",
    "admin    image list --project home",
    "admin    image list --project home --project-domain default",
    "admin    image list --project away --project-domain Elsewhere",
    "admin    image list --project {home}",
    "admin    image list --project away --project-domain Default",
    "admin    image list --project nobody",
    "owner    image list --project home",
    "owner    image list --marker nothing",
    "owner    image list --sort nothing",
    "owner    image list -c Name -c ID",
    "owner    image show {image}",
    "owner    image show {dull}",
    "owner    image show {image} --human-readable",
    "partner  image show {image_id}",
    "partner  image show {dull_id}",
    "owner    image member list {image}",
    "owner    image member list {image} --project-domain default",
    "partner  image member list {image_id}",
    "owner    image member list {dull}",
    "owner    image member list nothing",
    "owner    image member get {image} {abroad}",
    "partner  image member get {image_id} {abroad}",
    "owner    image member get {image} nobody",
    "owner    image stores list",
    "admin    image stores list --detail",
    "owner    image stores list --detail",
    "owner    image import info",
    "admin    image task list",
    "admin    image task list --sort-key created_at --sort-dir asc --type import --status success",
    "admin    image task list --limit 1",
    "admin    image task list --max-items 1",
    "admin    image task show {task}",
    "owner    image task list",
    "admin    image task show nothing",
    "owner    versions show --service image",
    "owner    versions show --service image --status supported",
    "owner    versions show --service image --status CURRENT",
    "owner    versions show --service image --region-name RegionOne --interface public",
)

# Commands that change an image, each on one of its own; what it is afterwards is compared too.
CHANGES = (
    ("owner   image add project {image} {abroad}", "owner image member list {image}"),
    ("admin   image add project {image} abroad", "owner image member list {image}"),
    ("admin   image add project {image} away --project-domain Elsewhere",),
    ("admin   image add project {image} away --project-domain Default",),
    ("owner   image add project {image} {abroad}", "owner image add project {image} {abroad}"),
    ("owner   image add project {image} {abroad}", "admin image remove project {image} abroad",
     "owner image member list {image}"),
    ("owner   image remove project {image} {abroad}",),
    ("owner   image add project {image} {abroad}", "partner image set {image_id} --accept",
     "owner image member list {image}"),
    ("owner   image add project {image} {abroad}", "partner image set {image_id} --reject",
     "owner image member list {image}", "partner image set {image_id} --pending", "owner image member list {image}"),
    ("owner   image add project {image} {abroad}", "admin image set {image} --accept --project abroad",
     "owner image member list {image}"),
    ("owner   image add project {image} {abroad}", "owner image set {image} --accept --project {abroad}"),
    ("owner   image set {image} --accept",),
    ("owner   image set {image} --accept --reject",),
    ("admin   image set {image} --deactivate", "owner image save {image} --file lost"),
    ("admin   image set {image} --deactivate", "admin image set {image} --activate --property back=yes"),
    ("admin   image set {image} --activate --deactivate",),
    ("admin   image set {image} --project abroad", "admin image show {image_id}"),
    ("admin   image set {image} --project {abroad} --min-ram 64",),
    ("admin   image set {image} --project nobody",),
    ("owner   image set {image} --name {name}-new --min-disk 1 --min-ram 64 --property a=1 --property b=2 --tag t",),
    ("owner   image set {image} --architecture x86_64 --os-distro debian --os-version 13 --kernel-id {dull_id}"
     " --ramdisk-id {dull_id}",),
    ("owner   image set {image} --protected", "owner image delete {image}", "owner image set {image} --unprotected",
     "owner image delete {image}"),
    ("owner   image set {image} --community", "owner image set {image} --private", "owner image set {image} --shared"),
    ("admin   image set {image} --public",),
    ("owner   image set {image} --public",),
    ("owner   image set {image} --hidden", "owner image set {image} --unhidden"),
    ("owner   image set {image} --disk-format iso",),
    ("owner   image set {image} --tag a --tag b", "owner image set {image} --tag a --tag c",
     "owner image unset {image} --tag b", "owner image unset {image} --tag b"),
    ("owner   image set {image} --property a=1", "owner image unset {image} --property a --property nothing"),
    ("owner   image set nothing --property a=1",),
    ("owner   image set {image}",),
    ("partner image set {image_id} --property a=1",),
    ("owner   image delete {image}", "owner image show {image_id}"),
    ("owner   image delete {image} nothing",),
    ("partner image delete {image_id}",),
    ("owner   image save {image} --file copy.img",),
    ("owner   image save {image} --file copy.img --chunk-size 7",),
    ("admin   image import {image} --method copy-image --store slow", "admin image delete {image} --store slow"),
    ("admin   image delete {image} --store fast",),
    ("admin   image delete {image} --store nothing",),
    ("admin   image delete {image} --store slow",),
)

# Ways to create an image, named {new}, of `{disk}`.
CREATES = (
    "owner image create {new} --file {disk}",
    "owner image create {new} --file {disk} --disk-format raw --container-format bare --min-disk 1 --min-ram 64"
    " --protected --private --property a=1 --property os_distro=debian --tag t",
    "owner image create {new} --file {disk} --id {uuid} --community --unprotected",
    "owner image create {new} --file {disk} --shared",
    "admin image create {new} --file {disk} --public",
    "admin image create {new} --file {disk} --project abroad",
    "admin image create {new} --file {disk} --project away --project-domain Elsewhere",
    "admin image create {new} --file {disk} --project nobody",
    "owner image create {new} --file {disk} --public",
    "owner image create {new} --file {disk} --private --shared",
    "owner image create {new} --file {disk} --id colour",
    "owner image create {new} --file /no/such/file",
    "owner image create {new} --volume {uuid} --file {disk}",
    "owner image create {new} --file {disk} --import",
)

# Commands that end otherwise: our code, the peer's, and why. (And `--instance-id` sets `instance_uuid`, the property
# for it; the peer sets `instance_id`, a name that its own SDK does not know.)
ON_PURPOSE = (
    ("owner image create {new} --file {disk} --disk-format colour", 1, 2, "which formats there are, the service knows"),
    ("owner image set {dull} --disk-format colour", 1, 2, "which formats there are, the service knows"),
    ("partner image set {image_id} --deactivate", 1, 0, "the peer does not look at the answer, which is a refusal"),
    ("owner image delete {image} --store fast", 1, 1, "the peer stops at the first that is not there"),
    ("owner image import {dull} --store fast", 1, 1, "there is nothing staged"),
)
# fmt: on

WANTED = ("image list --long", "image show {image}", "image member list {image}", "image stores list")
"""Those of the looks that are asked for at every run of the tests."""


@dataclass(frozen=True)
class Cloud:
    """A service with its Keystone, and one image of each kind: `words` are what commands call them."""

    identity_url: str
    place: Path
    words: dict[str, str]

    def environ(self, who: str, home: Path) -> dict[str, str]:
        """What a command knows that this user runs."""
        return {
            "PATH": os.environ["PATH"], "HOME": str(home), "OS_AUTH_URL": self.identity_url, "OS_USERNAME": who,
            "OS_PASSWORD": PASSWORD, "OS_PROJECT_NAME": "home", "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default", "OS_IDENTITY_API_VERSION": "3",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }  # fmt: skip


@pytest.fixture(scope="module")
def cloud(ours: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    place = tmp_path_factory.mktemp("cloud")
    (place / "disk.img").write_bytes(b"nothing in particular, " * 1000)
    data_dir = place / "data"
    people = {"owner": (HOME, ()), "partner": (ABROAD, ()), "admin": (HOME, ("admin",))}
    service = make_service(data_dir, auth="file", **STORES, **LIMITS)
    users = [
        User(name, PASSWORD, project, enlist(data_dir, name, project, *roles), name == "admin")
        for name, (project, roles) in people.items()
    ]
    with running(service), serving(FakeKeystone(service.url, PROJECTS, users)) as keystone:
        cloud = Cloud(keystone.url, place, {"home": HOME, "abroad": ABROAD, "disk": str(place / "disk.img")})
        _furnish(ours, cloud)
        yield cloud


def _furnish(ours: Run, cloud: Cloud) -> None:
    def run(who: str, *words: str) -> Any:
        done = ours([*words, "-f", "json"], cloud.environ(who, cloud.place), cloud.place)
        assert done.code == 0, done.err
        return json.loads(done.out)

    made = "image create image --shared --tag new --tag newer --property mark=yes --property os_distro=debian --wait"
    image = run("owner", *shlex.split(made), "--import", "--store", "slow", "--file", cloud.words["disk"])
    dull = run("owner", *["image", "create", "dull", "--private", "--tag", "new", "--property", "hw_cpu_cores=2"])
    run("owner", *["image", "create", "hidden", "--hidden"])
    run("admin", *f"image create public --public --project {AWAY}".split())
    run("owner", "image", "add", "project", "image", ABROAD)
    task = run("admin", "image", "task", "list")[0]["ID"]
    found = {"image_id": image["id"], "dull_id": dull["id"], "task": task}
    cloud.words.update(found, image="image", dull="dull")


def split(line: str, words: dict[str, str]) -> tuple[str, list[str]]:
    who, *rest = shlex.split(line)
    return who, [word.format(**words) for word in rest]


def listed(words: list[str]) -> list[str]:
    """Ask for JSON of what prints something."""
    silent = {"set", "unset", "delete", "save", "stage", "remove"}
    return words if len(words) > 1 and words[1] in silent else [*words, "-f", "json"]


@pytest.mark.parametrize(
    "line",
    [pytest.param(each, marks=[] if each.split(None, 1)[1] in WANTED else pytest.mark.slow) for each in LOOKS],
)
def test_what_openstack_shows_is_what_we_show(line, cloud, ours, peer, tmp_path):
    who, words = split(line, cloud.words)
    environ = cloud.environ(who, tmp_path)

    mine, theirs = (run(listed(words), environ, tmp_path) for run in (ours, peer))

    assert (mine.code, mine.out) == (theirs.code, theirs.out), mine.err + theirs.err


def plain(text: str, words: dict[str, str]) -> str:
    """The text without what differs between two images made in the same way."""
    text = text.replace(words["image_id"], "ID").replace(words["name"], "NAME")
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)


def sort_tags(text: str) -> str:
    """The peer sends tags in no order."""
    return re.sub(r'"tags": \[[^]]*\]', lambda found: str(sorted(re.findall(r'"(\w+)"', found[0]))), text)


@pytest.mark.slow
@pytest.mark.parametrize("lines", CHANGES, ids=lambda lines: " + ".join(" ".join(line.split()) for line in lines))
def test_what_openstack_changes_we_change(lines, cloud, ours, peer, tmp_path):
    stories = []
    for number, run in enumerate((ours, peer)):
        words = {**cloud.words, "name": f"n{uuid.uuid4().hex[:8]}"}
        words["image"] = words["name"]
        folder = tmp_path / str(number)
        folder.mkdir()
        made = ["image", "create", words["name"], "--file", words["disk"], "-f", "value", "-c", "id"]
        words["image_id"] = ours(made, cloud.environ("owner", folder), folder).out.strip()
        story = []
        for line in lines:
            who, said = split(line, words)
            done = run(listed(said), cloud.environ(who, folder), folder)
            is_import = said[1] == "import"  # what is shown then is of a moment
            story.append((line, done.code, "" if is_import else plain(done.out, words)))
            if is_import:
                wait_until_still(ours, words["image_id"], cloud, folder)
        left = ours(["image", "show", words["image_id"], "-f", "json"], cloud.environ("admin", folder), folder)
        copies = [each.read_bytes() for each in folder.glob("*.img")]
        stories.append([*story, (left.code, sort_tags(plain(left.out, words))), copies])

    assert stories[0] == stories[1]


def wait_until_still(ours: Run, image_id: str, cloud: Cloud, folder: Path) -> None:
    """Until no import of the image is going on."""
    for _ in range(100):
        done = ours(["image", "show", image_id, "-f", "json"], cloud.environ("admin", folder), folder)
        if done.code or not json.loads(done.out)["properties"].get("os_glance_import_task"):
            return
    raise AssertionError(f"image {image_id} is still being imported")


@pytest.mark.slow
@pytest.mark.parametrize("line", CREATES)
def test_what_openstack_creates_we_create(line, cloud, ours, peer, tmp_path):
    found = []
    for run in (ours, peer):
        words = {**cloud.words, "new": f"n{uuid.uuid4().hex[:8]}", "uuid": str(uuid.uuid4())}
        who, said = split(line, words)
        done = run(listed(said), cloud.environ(who, tmp_path), tmp_path)
        if done.code:
            found.append((done.code, done.out))
            continue
        image = json.loads(done.out)
        wait_until_still(ours, image["id"], cloud, tmp_path)
        shown = ours(["image", "show", image["id"], "-f", "json"], cloud.environ("admin", tmp_path), tmp_path).out
        outputs = [shown] if "--import" in said else [done.out, shown]  # while it is imported it is as it is
        found.append((0, *(without_own(json.loads(each), words["new"]) for each in outputs)))

    assert found[0] == found[1]


def without_own(image: dict[str, Any], name: str) -> dict[str, Any]:
    """The image without what is another's, and what the peer adds of its own: hashes among the properties."""
    assert image.pop("name") == name
    for field in ("id", "file", "created_at", "updated_at"):
        image.pop(field)
    for field in [name for name in image["properties"] if name.startswith("owner_specified.openstack")]:
        image["properties"].pop(field)
    return image


@pytest.mark.slow
@pytest.mark.parametrize(("line", "mine", "theirs", "why"), ON_PURPOSE)
def test_what_ends_otherwise_does_so_on_purpose(line, mine, theirs, why, cloud, ours, peer, tmp_path):
    who, said = split(line, {**cloud.words, "new": f"n{uuid.uuid4().hex[:8]}"})

    codes = [run(listed(said), cloud.environ(who, tmp_path), tmp_path).code for run in (ours, peer)]

    assert codes == [mine, theirs], why


@pytest.mark.slow
def test_staged_data_is_imported_by_either(cloud, ours, peer, tmp_path):
    def story(run: Run) -> list[tuple[int, str]]:
        words = {**cloud.words, "name": f"n{uuid.uuid4().hex[:8]}"}
        environ = cloud.environ("owner", tmp_path)
        made = ours(["image", "create", words["name"], "-f", "value", "-c", "id"], environ, tmp_path)
        words["image_id"] = made.out.strip()
        staged = run(["image", "stage", words["name"], "--file", words["disk"]], environ, tmp_path)
        done = run(["image", "import", words["name"], "--store", "slow", "-f", "json"], environ, tmp_path)
        wait_until_still(ours, words["image_id"], cloud, tmp_path)
        shown = ours(["image", "show", words["name"], "-f", "json"], environ, tmp_path)
        return [(staged.code, staged.out), (done.code, ""), (shown.code, plain(shown.out, words))]

    assert story(ours) == story(peer)


@pytest.mark.slow
def test_our_settings_have_the_names_and_values_that_openstack_gives_them(cloud, ours, peer, tmp_path):
    auth = {"auth_url": cloud.identity_url, "username": "owner", "password": PASSWORD, "project_name": "home",
            "user_domain_id": "default", "project_domain_name": "Default"}  # fmt: skip
    lite = {"auth": auth, "region_name": "RegionOne", "cacert": "/x.pem", "verify": True, "interface": "internal"}
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"lite": lite}}))
    words = ["--os-cloud", "lite", "configuration", "show", "-f", "json"]
    given = cloud.environ("owner", tmp_path)
    environ = {name: value for name, value in given.items() if not name.startswith("OS_")}
    environ["OS_CLIENT_CONFIG_FILE"] = str(tmp_path / "clouds.yaml")  # the peer looks around it only when it is loaded

    mine, theirs = (json.loads(run(words, environ, tmp_path).out) for run in (ours, peer))
    bare, barely = (
        json.loads(run([*words, "--unmask"], environ, tmp_path).out)["auth.password"] for run in (ours, peer)
    )

    assert mine.pop("sources")["auth.password"] == "cloud lite"
    for own in ("image_api_version", "retries"):  # the peer's is that of a plug-in, and it has none
        mine.pop(own)
    assert {name: theirs.get(name) for name in mine} == mine
    assert {name for name in theirs if name.startswith("auth.")} <= mine.keys()
    assert bare == barely == PASSWORD


@pytest.mark.slow
def test_every_command_on_images_of_openstack_is_one_of_ours(cloud, ours, peer, tmp_path):
    environ = cloud.environ("owner", tmp_path)

    listing = ["command", "list", "--group", "image", "-f", "json"]
    mine, theirs = (json.loads(run(listing, environ, tmp_path).out) for run in (ours, peer))

    known = {name for row in mine for name in row["Commands"]}
    wanted = {name for row in theirs if "image.v2" in row["Command Group"] for name in row["Commands"]}
    assert len(wanted) > 20
    elsewhere = {name for name in wanted if name.startswith(("cached image", "image metadef"))}
    assert wanted - elsewhere - known == set()
