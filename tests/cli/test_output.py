"""Every format of `-f`, for the same image said by a canned service: byte for byte what `openstack` prints, but where
that is no use (noted below)."""

import json
import os
import pty
import subprocess

import pytest
from harness import command

ID = "505be7df-a7ae-452b-b804-dbb0b01bbe01"
IMAGE = {
    "zeta": "1", "os_distro": "debian", "hw_boot_menu": "false", "hw_cpu_cores": "2", "hw_cpu_sockets": "several",
    "quote": "it's \"q\" $HOME `id` \\ x", "uni": "grün", "name": "Cirros", "disk_format": "qcow2",
    "container_format": "bare", "visibility": "public", "size": 2000000, "virtual_size": None, "status": "active",
    "checksum": "d41d8cd98f00b204e9800998ecf8427e", "protected": False, "min_ram": 0, "min_disk": 1, "owner": None,
    "os_hidden": False, "os_hash_algo": "sha512", "os_hash_value": "cf83e1", "id": ID, "tags": ["zz", "aa"],
    "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:06Z", "self": f"/v2/images/{ID}",
    "file": f"/v2/images/{ID}/file", "schema": "/v2/schemas/image",
}  # fmt: skip
OTHER = {**IMAGE, "id": "0", "name": None, "status": "queued", "size": None, "checksum": None, "tags": [], "owner": "p"}


@pytest.fixture
def show(glancelite, canned):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, IMAGE)
    return lambda *words: glancelite("image", "show", ID, *words, OS_ENDPOINT=canned.url).out


@pytest.fixture
def list_images(glancelite, canned):
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": [IMAGE, OTHER]})
    return lambda *words: glancelite("image", "list", *words, OS_ENDPOINT=canned.url).out


def test_json_has_base_fields_in_order_and_the_rest_inside(show):
    text = show("-f", "json")

    record = json.loads(text)
    assert list(record) == sorted(record)
    assert "virtual_size" not in record
    assert record["properties"] == {
        "os_hidden": False, "os_hash_algo": "sha512", "os_hash_value": "cf83e1", "zeta": "1",
        "quote": IMAGE["quote"], "uni": "grün", "os_distro": "debian", "hw_cpu_sockets": "several", "hw_cpu_cores": 2,
        "hw_boot_menu": False,
    }  # fmt: skip
    assert text == json.dumps(record, indent=2) + "\n"
    assert show("-f", "json", "--noindent") == json.dumps(record) + "\n"


def test_columns_are_chosen_in_any_case_and_printed_in_order(show, list_images):
    assert show("-f", "value", "-c", "STATUS", "-c", "disk format", "-c", "Name") == "qcow2\nCirros\nactive\n"
    assert list_images("-f", "value", "-c", "status", "-c", "ID", "-c", "unknown") == f"{ID} active\n0 queued\n"
    assert show("-f", "json", "--noindent", "-c", "owner") == '{"owner": null}\n'


def test_a_column_that_is_not_there_is_refused_with_those_that_are(glancelite, canned):
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})

    done = glancelite("image", "list", "-c", "colour", OS_ENDPOINT=canned.url)

    assert done.code == 1
    assert done.err == "Error: There is no column colour; there are: ID, Name, Status.\n"


def test_tables_have_a_frame(list_images):
    assert list_images("--long", "-c", "ID", "-c", "Name", "-c", "Size", "-c", "Tags", "-c", "Protected") == (
        "+--------------------------------------+--------+---------+-----------+--------+\n"
        "| ID                                   | Name   |    Size | Protected | Tags   |\n"
        "+--------------------------------------+--------+---------+-----------+--------+\n"
        "| 505be7df-a7ae-452b-b804-dbb0b01bbe01 | Cirros | 2000000 | False     | aa, zz |\n"
        "| 0                                    | None   |    None | False     |        |\n"
        "+--------------------------------------+--------+---------+-----------+--------+\n"
    )


def test_a_table_of_one_thing_lists_its_properties_sorted(show):
    assert show("-c", "tags", "-c", "min_disk", "-c", "name") == (
        "+----------+--------+\n"
        "| Field    | Value  |\n"
        "+----------+--------+\n"
        "| min_disk | 1      |\n"
        "| name     | Cirros |\n"
        "| tags     | aa, zz |\n"
        "+----------+--------+\n"
    )
    assert (
        "hw_boot_menu='False', hw_cpu_cores='2', hw_cpu_sockets='several', os_distro='debian', os_hash_algo='sha512'"
        in show("-c", "properties")
    )


@pytest.mark.parametrize("words", [["--max-width", "60"], ["--fit-width"]])
def test_a_table_is_wrapped_to_a_width(glancelite, canned, words):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, IMAGE)

    lines = glancelite("image", "show", ID, *words, OS_ENDPOINT=canned.url, COLUMNS="60").out.splitlines()

    assert {len(line) for line in lines} == {60}


def test_the_environment_may_limit_a_table(glancelite, canned):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, IMAGE)
    show = ("image", "show", ID)

    limited = glancelite(*show, OS_ENDPOINT=canned.url, CLIFF_MAX_TERM_WIDTH="60").out
    fitted = glancelite(*show, OS_ENDPOINT=canned.url, CLIFF_FIT_WIDTH="1", COLUMNS="60").out
    free = glancelite(*show, "--max-width", "0", OS_ENDPOINT=canned.url, CLIFF_MAX_TERM_WIDTH="60").out

    assert limited == fitted
    assert max(map(len, limited.splitlines())) == 60
    assert max(map(len, free.splitlines())) > 100


def test_value_prints_one_field_a_line_and_one_row_a_line(show, list_images):
    assert show("-f", "value", "-c", "tags", "-c", "min_disk") == "1\n['zz', 'aa']\n"
    assert list_images("-f", "value", "--long", "-c", "Name", "-c", "Tags", "-c", "Size") == (
        "Cirros 2000000 ['zz', 'aa']\nNone None []\n"
    )


def test_yaml_is_sorted_and_in_blocks(show, list_images):
    assert (
        show("-f", "yaml", "-c", "tags", "-c", "created_at")
        == "created_at: '2026-01-02T03:04:05Z'\ntags:\n- zz\n- aa\n"
    )
    assert list_images("-f", "yaml") == (
        f"- ID: {ID}\n  Name: Cirros\n  Status: active\n- ID: '0'\n  Name: null\n  Status: queued\n"
    )


def test_shell_output_can_be_evaluated_by_a_shell(show):
    # openstack leaves $ and ` alone: whoever names an image would run commands where its output is evaluated.
    text = show("-f", "shell", "--prefix", "an-image:")
    script = text + 'printf "%s|%s|%s" "$an_image_name" "$an_image_min_disk" "$an_image_properties"'

    out = subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True).stdout

    name, min_disk, properties = out.split("|")
    assert (name, min_disk) == ("Cirros", "1")
    assert IMAGE["quote"] in eval(properties).values()


def test_csv_quotes_what_is_asked(list_images):
    columns = ("-f", "csv", "--long", "-c", "Name", "-c", "Size", "-c", "Tags", "-c", "Protected")

    assert list_images(*columns) == (
        '"Name","Size","Protected","Tags"\n"Cirros",2000000,False,"[\'zz\', \'aa\']"\n"","",False,"[]"\n'
    )
    assert list_images(*columns, "--quote", "all").splitlines()[1] == '"Cirros","2000000","False","[\'zz\', \'aa\']"'
    assert list_images(*columns, "--quote", "minimal").splitlines()[2] == ",,False,[]"


def test_ndjson_is_one_object_a_line(list_images):
    lines = list_images("-f", "ndjson").splitlines()

    assert [json.loads(line) for line in lines] == json.loads(list_images("-f", "json"))


def test_an_empty_list_is_said_in_every_format(glancelite, canned):
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})

    def text(*words):
        return glancelite("image", "list", *words, OS_ENDPOINT=canned.url).out

    assert text() == "\n"
    assert text("--print-empty") == (
        "+----+------+--------+\n| ID | Name | Status |\n+----+------+--------+\n+----+------+--------+\n"
    )
    assert (text("-f", "json"), text("-f", "yaml"), text("-f", "value")) == ("[]\n", "[]\n", "")
    assert text("-f", "csv") == '"ID","Name","Status"\n'


def test_rows_are_sorted_by_columns_with_nothing_last(list_images):
    words = ("-f", "value", "--long", "-c", "Name", "-c", "Size")

    assert list_images(*words, "--sort-column", "size") == "Cirros 2000000\nNone None\n"
    assert list_images(*words, "--sort-column", "SIZE", "--sort-descending") == "None None\nCirros 2000000\n"
    assert list_images(*words, "--sort-column", "colour") == "Cirros 2000000\nNone None\n"


def test_a_size_is_made_for_people_when_asked(show):
    assert show("-f", "value", "-c", "size", "--human-readable") == "2M\n"


def test_control_characters_of_others_do_not_reach_a_terminal(environ, canned):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, {**IMAGE, "name": "evil\x1b[2Jname"})
    master, terminal = pty.openpty()
    words = command("image", "show", ID, "-c", "name")
    subprocess.run(words, stdout=terminal, env=environ | {"OS_ENDPOINT": canned.url}, check=True)
    os.close(terminal)
    seen = os.read(master, 10_000)
    os.close(master)

    assert b"\x1b" not in seen
    assert b"evil\\x1b[2Jname" in seen
