"""The unmodified `openstack` client against our service, and our command beside it: same images, same JSON."""

import json

import pytest
from harness import make_service, running


@pytest.fixture
def image(glancelite, name, disk):
    """An image with something in every field."""
    words = ["--public", "--tag", name, "--tag", "another", "--min-disk", "2", "--os-distro", "debian"]
    for pair in ("zeta=1", 'quote=it\'s "q"', "uni=grün", "hw_boot_menu=true", "hw_cpu_cores=4", "os_type=linux"):
        words += ["--property", pair]
    return glancelite("image", "create", name, "--file", disk, *words, "-f", "value", "-c", "id").out.strip()


def test_openstack_does_the_whole_job(openstack, name, disk, tmp_path):
    made = openstack(
        "image", "create", name, "--file", disk, "--disk-format", "raw", "--public", "-f", "value", "-c", "id"
    )
    assert made.code == 0, made.err
    assert name in openstack("image", "list", "-f", "value", "-c", "Name").out.splitlines()
    assert openstack("image", "set", name, "--property", "a=b", "--tag", "t", "--min-ram", "64").code == 0
    assert openstack("image", "unset", name, "--property", "a").code == 0
    shown = openstack("image", "show", name, "-f", "value", "-c", "status", "-c", "min_ram", "-c", "tags")
    assert shown.out == "64\nactive\n['t']\n"
    assert openstack("image", "save", name, "--file", "copy.img").code == 0
    assert (tmp_path / "copy.img").read_bytes() == disk.read_bytes()
    assert openstack("image", "delete", name).code == 0
    assert openstack("image", "show", name).code == 1


@pytest.mark.parametrize("form", [["json"], ["yaml"], ["table"]])
def test_show_prints_the_same(openstack, glancelite, image, form):
    words = ("image", "show", image, "-f", *form)

    assert glancelite(*words).out == openstack(*words).out


def test_show_of_an_image_without_data_prints_the_same(openstack, glancelite, name):
    glancelite("image", "create", name)
    words = ("image", "show", name, "-f", "json")

    assert glancelite(*words).out == openstack(*words).out


def test_show_of_the_peers_own_image_prints_the_same(openstack, glancelite, name, disk):
    assert openstack("image", "create", name, "--file", disk, "--property", "x=1").code == 0
    words = ("image", "show", name, "-f", "json")

    assert glancelite(*words).out == openstack(*words).out


@pytest.mark.parametrize("words", [["-f", "json"], ["--long", "-f", "json"], ["--long"]])
def test_list_prints_the_same(openstack, glancelite, image, name, words):
    glancelite("image", "create", f"a-{name}", "--tag", name)
    words = ("image", "list", "--tag", name, *words)

    ours = glancelite(*words).out
    assert ours == openstack(*words).out
    assert image in ours


def test_create_prints_the_same_but_for_what_differs_by_nature(openstack, glancelite, name, disk):
    words = ("image", "create", name, "--file", disk, "--tag", "b", "--property", "p=1", "--private", "-f", "json")

    ours, theirs = glancelite(*words).json, json.loads(openstack(*words).out)

    for record in (ours, theirs):
        for own in ("id", "file", "created_at", "updated_at"):
            record.pop(own)
        for own in ("md5", "sha256", "object"):
            record["properties"].pop(f"owner_specified.openstack.{own}", None)
    assert ours == theirs


@pytest.mark.parametrize(
    "words",
    [
        ["show", "no-such-image"],
        ["delete", "no-such-image"],
        ["create", "x", "--property", "nothing"],
        ["create", "x", "--file", "/no/such/file"],
        ["list", "--public", "--private"],
        ["list", "-c", "colour"],
    ],
)
def test_what_fails_there_fails_here_with_the_same_code(openstack, glancelite, words):
    ours, theirs = glancelite("image", *words), openstack("image", *words)

    assert ours.code == theirs.code
    assert (ours.out, theirs.out) == ("", "")


def test_the_peer_sees_what_we_change(openstack, glancelite, image):
    assert glancelite("image", "set", image, "--property", "new=1", "--name", "renamed", "--private").code == 0
    assert glancelite("image", "unset", image, "--property", "zeta", "--tag", "another").code == 0

    words = ("image", "show", image, "-f", "json")
    assert glancelite(*words).out == openstack(*words).out


# Imports, stores, tasks -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """The URL of a service with several stores: elsewhere the peer's imports are refused, for what they always send."""
    settings = {"ENABLED_BACKENDS": "fast:file,slow:file", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}
    with running(make_service(tmp_path_factory.mktemp("several") / "data", auth="none", **settings)) as service:
        yield service.url


@pytest.fixture
def both(openstack, glancelite, several):
    """Run a command by either; the code and the output must be the same."""

    def run(*words):
        ours, theirs = (each(*words, OS_ENDPOINT=several) for each in (glancelite, openstack))
        assert (ours.code, ours.out) == (theirs.code, theirs.out), ours.err + theirs.err
        return ours

    return run


def wait_until_active(glancelite, image, several):
    for _ in range(200):
        if glancelite("image", "show", image, "-f", "value", "-c", "status", OS_ENDPOINT=several).out == "active\n":
            return
    raise AssertionError(f"image {image} does not become active")


@pytest.mark.slow
def test_tasks_and_stores_print_the_same(both, openstack, glancelite, several, name, disk):
    words = ("image", "create", name, "--import", "--wait", "-f", "value", "-c", "id", "--file", disk)
    image = glancelite(*words, OS_ENDPOINT=several).out.strip()
    task = both("image", "task", "list", "-f", "json").json[0]["ID"]

    assert both("image", "task", "show", task, "-f", "json").json["result"] == {"image_id": image}
    both("image", "task", "show", task)
    both("image", "task", "list", "--status", "success", "--sort-key", "id", "--sort-dir", "asc")
    both("image", "import", "info", "-f", "json")
    assert both("image", "stores", "list", "-f", "json").json[0]["Default"] is True
    both("image", "stores", "list", "--detail")


@pytest.mark.slow
def test_either_imports_what_the_other_staged(openstack, glancelite, several, name, disk):
    for number, (first, second) in enumerate([(openstack, glancelite), (glancelite, openstack)]):
        image = f"{name}-{number}"
        glancelite("image", "create", image, OS_ENDPOINT=several)
        first("image", "stage", image, "--file", disk, OS_ENDPOINT=several)
        second("image", "import", image, "--method", "glance-direct", "--store", "slow", OS_ENDPOINT=several)
        wait_until_active(glancelite, image, several)


@pytest.mark.slow
def test_import_prints_the_same_but_for_what_differs_by_nature(openstack, glancelite, several, name, disk):
    def run(each, image):
        glancelite("image", "create", image, OS_ENDPOINT=several)
        assert glancelite("image", "stage", image, "--file", disk, OS_ENDPOINT=several).code == 0
        done = each("image", "import", image, "--all-stores", "-f", "json", OS_ENDPOINT=several)
        record = done.json if each is glancelite else json.loads(done.out)
        wait_until_active(glancelite, image, several)
        for own in ("id", "name", "file", "created_at", "updated_at"):
            record.pop(own)
        return record

    ours, theirs = run(glancelite, f"{name}-1"), run(openstack, f"{name}-2")

    # The peer shows the image as it was before.
    assert theirs.pop("status") == "uploading"
    assert ours.pop("status") in ("importing", "active")
    assert "os_glance_importing_to_stores" in ours["properties"]
    assert theirs["properties"] == {"os_hidden": False}
    for record in (ours, theirs):
        for varying in ("properties", "checksum", "virtual_size", "size"):
            record.pop(varying, None)
    assert ours == theirs


@pytest.mark.parametrize(
    "words",
    [
        ["import", "no-such-image", "--store", "fast"],
        ["import", "no-such-image", "--method", "magic"],
        ["stage", "no-such-image", "--file", "/no/such/file"],
        ["task", "show", "no-such-task"],
        ["task", "list", "--status", "odd"],
    ],
)
def test_imports_that_fail_there_fail_here_with_the_same_code(both, words):
    assert both("image", *words).out == ""


@pytest.mark.slow
def test_members_and_who_may_have_the_data_are_said_as_the_peer_says_them(openstack, glancelite, image):
    assert glancelite("image", "set", image, "--shared").code == 0
    assert glancelite("image", "add", "project", image, "lab").code == 0
    words = ("image", "member", "list", image, "-f", "json")
    assert json.loads(openstack(*words).out) == glancelite(*words).json != []
    for option, status in (("--deactivate", "deactivated"), ("--activate", "active")):
        words = ("image", "set", image, option)
        theirs, ours = openstack(*words), glancelite(*words)
        assert (theirs.code, theirs.out) == (ours.code, ours.out) == (0, "")
        assert glancelite("image", "show", image, "-f", "value", "-c", "status").out.strip() == status
