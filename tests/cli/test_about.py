"""What service and client say of themselves: locations, stores, quotas, schemas, versions, settings, commands."""

import json
import re
import subprocess
import sys

import pytest

from glancelite import __version__

ID = "505be7df-a7ae-452b-b804-dbb0b01bbe01"
HASH = {"os_hash_algo": "sha512", "os_hash_value": "00"}
CLOUDS = "clouds: {lite: {auth: {password: secret, username: me}, region_name: there}}"
PLACE, OTHER = "http://127.0.0.1:9/disk.img", "http://127.0.0.1:9/other.img"


@pytest.fixture
def image(glancelite, name, disk):
    return glancelite("image", "create", name, "--file", disk, "-f", "value", "-c", "id").out.strip()


def test_where_data_is_is_listed_for_who_may_know(glancelite, image):
    rows = glancelite("image", "location", "list", image, "-f", "json").json

    assert len(rows) == 1
    assert rows[0]["URL"].startswith("file:///")


def test_locations_of_a_service_that_shows_none_are_not_changed(glancelite, image):
    done = glancelite("image", "location", "set", image, "--url", PLACE, "--metadata", "a=1")

    assert done.code == 1
    assert done.err.startswith(f"Error: Cannot change a location of image '{image}': The service does not show")


def test_a_hash_without_its_algorithm_is_no_hash(glancelite, image):
    done = glancelite("image", "location", "add", image, "--url", PLACE, "--hash-value", "00")

    assert (done.code, done.err.splitlines()[0]) == (2, "Error: --hash-algo and --hash-value go together.")


@pytest.fixture
def told(canned):
    """A service that shows locations; what it is asked to change."""
    image = {"id": ID, "name": "x", "status": "queued", "tags": [], "locations": []}
    canned.image, canned.changes = image, []

    def change(handler):
        document = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        canned.changes.append((handler.command, handler.path, document))
        handler.say(200, {}, image)

    canned.answers |= {
        ("GET", f"/v2/images/{ID}"): lambda handler: handler.say(200, {}, image),
        ("PATCH", f"/v2/images/{ID}"): change,
        ("POST", f"/v2/images/{ID}/locations"): change,
    }
    return canned


def test_a_new_image_takes_its_place_by_the_path_for_it(glancelite, told):
    words = ["--url", PLACE, "--hash-algo", "sha512", "--hash-value", "00"]

    assert glancelite("image", "location", "add", ID, *words, OS_ENDPOINT=told.url).code == 0

    place = {"url": PLACE, "validation_data": HASH}
    assert told.changes == [("POST", f"/v2/images/{ID}/locations", place)]


@pytest.mark.parametrize(
    ("status", "words", "added"),
    [
        ("active", [], {"metadata": {}}),
        ("queued", ["--metadata", "a=1"], {"metadata": {"a": "1"}}),
        ("queued", ["--metadata", '{"a": 1, "b": "x"}'], {"metadata": {"a": 1, "b": "x"}}),
        ("queued", ["--checksum", "ff"], {"metadata": {}, "validation_data": {"checksum": "ff"}}),
    ],
)
def test_other_places_are_patched_in(glancelite, told, status, words, added):
    told.image["status"] = status

    assert glancelite("image", "location", "add", ID, "--url", PLACE, *words, OS_ENDPOINT=told.url).code == 0

    patch = [{"op": "add", "path": "/locations/-", "value": {"url": PLACE, **added}}]
    assert told.changes == [("PATCH", f"/v2/images/{ID}", patch)]


def test_a_service_without_the_path_is_patched(glancelite, told):
    told.answers["POST", f"/v2/images/{ID}/locations"] = (404, {}, {})

    assert glancelite("image", "location", "add", ID, "--url", PLACE, OS_ENDPOINT=told.url).code == 0

    assert [method for method, _, _ in told.changes] == ["PATCH"]


def test_locations_are_changed_by_their_url(glancelite, told):
    told.image["locations"] = [{"url": url, "metadata": {}} for url in (PLACE, OTHER)]
    where = {"OS_ENDPOINT": told.url}

    assert glancelite("image", "location", "list", ID, "-f", "json", **where).json[1] == {"URL": OTHER, "Metadata": {}}
    assert glancelite("image", "location", "set", ID, "--url", OTHER, "--metadata", "a=1", **where).code == 0
    assert glancelite("image", "location", "unset", ID, "--url", PLACE, "--url", OTHER, **where).code == 0
    unknown = glancelite("image", "location", "unset", ID, "--url", "file:///x", **where)

    both = [{"url": PLACE, "metadata": {}}, {"url": OTHER, "metadata": {"a": "1"}}]
    assert [patch for _, _, patch in told.changes] == [
        [{"op": "replace", "path": "/locations", "value": both}],
        [{"op": "remove", "path": "/locations/1"}, {"op": "remove", "path": "/locations/0"}],
    ]
    assert unknown.err == (
        f"Error: Cannot remove locations of image '{ID}': It has no location file:///x; it has: {PLACE}, {OTHER}.\n"
    )


def test_images_are_found_by_their_hashes_and_after_one_by_name(glancelite, name, disk):
    glancelite("image", "create", name, "--file", disk)
    image = glancelite("image", "show", name, "-f", "json").json
    value = image["properties"]["os_hash_value"]

    for words in (["--hash", value], ["--checksum", image["checksum"]]):
        assert [row["ID"] for row in glancelite("image", "list", *words, "-f", "json").json] == [image["id"]]
    assert glancelite("image", "list", "--hash", value, "--marker", name, "-f", "json").json == []
    assert glancelite("image", "list", "--checksum", "0" * 32, "-f", "json").json == []


def test_quotas_are_shown_with_what_is_used(glancelite, canned):
    usage = {"image_size_total": {"limit": 10, "usage": 3}, "image_count_total": {"limit": -1, "usage": 1}}
    canned.answers["GET", "/v2/info/usage"] = (200, {}, {"usage": usage})

    done = glancelite("image", "quota", "show", "-f", "value", OS_ENDPOINT=canned.url)

    assert done.out == "image_size_total 10 3\nimage_count_total -1 1\n"
    assert glancelite("image", "quota", "show").code == 0


def test_a_schema_is_told_by_its_fields_or_as_it_is(glancelite):
    rows = glancelite("image", "schema", "show", "image", "-f", "json").json
    told = {row["Attribute"]: row for row in rows}

    assert told["name"]["Type"] == "null or string"
    assert (told["name"]["Read Only"], told["status"]["Read Only"]) == (False, True)
    assert told["id"]["Description"]
    assert glancelite("image", "schema", "show", "image", "--raw").json["properties"].keys() == told.keys()
    done = glancelite("image", "schema", "show", "nothing")
    assert (done.code, done.err) == (1, "Error: Cannot show schema 'nothing': The service has no schema 'nothing'.\n")


def test_settings_tell_where_they_are_from_and_hide_secrets(glancelite, tmp_path):
    (tmp_path / "clouds.yaml").write_text(CLOUDS)
    words = ["--os-cloud", "lite", "configuration", "show", "--os-user-id", "7", "-f", "json"]

    masked = glancelite(*words).json
    bare = glancelite(*words, "--unmask").json

    assert (masked["auth.password"], bare["auth.password"]) == ("<redacted>", "secret")
    sources = {"auth.password": "cloud lite", "auth.user_id": "--os-user-id", "endpoint": "OS_ENDPOINT"}
    assert masked["sources"].items() >= {**sources, "verify": "default"}.items()
    assert (masked["region_name"], masked["verify"]) == ("there", True)
    table = glancelite(*words[:-2]).out
    assert re.search(r"\| region_name +\| there +\| cloud lite +\|", table)
    assert "secret" not in table


def test_commands_are_listed_by_group(glancelite):
    (row,) = glancelite("command", "list", "--group", "image", "-f", "json").json

    assert row["Command Group"] == "glancelite.image"
    assert {"image add project", "image list", "image member get", "image import info"} <= set(row["Commands"])
    assert len(glancelite("command", "list", "-f", "json").json) > 5


def test_a_command_of_two_words_is_told_by_its_first(glancelite):
    done = glancelite("image", "add")

    assert (done.code, done.err.splitlines()[0]) == (2, "Error: There is no command 'add'. Did you mean 'add project'?")


def test_the_version_is_told_without_loading_what_is_not_needed_for_it():
    code = "import sys; from glancelite.__main__ import main; main(); print('click' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True)

    assert done.stdout == f"glancelite {__version__}\nFalse\n"
