"""`image list`, `show`, `set`, `unset` and `delete`."""

import pytest


@pytest.fixture
def make(glancelite):
    def make(name, *words):
        done = glancelite("image", "create", name, *words, "-f", "value", "-c", "id")
        assert done.code == 0, done.err
        return done.out.strip()

    return make


def names(done):
    assert done.code == 0, done.err
    return [row["Name"] for row in done.json]


def test_an_image_is_found_by_id_and_by_name(glancelite, make, name):
    image = make(name)

    by_id = glancelite("image", "show", image, "-f", "json").json
    assert glancelite("image", "show", name, "-f", "json").json == by_id
    assert by_id["name"] == name


def test_a_name_with_blanks_colons_and_more_is_found(glancelite, make, name):
    strange = f"eq:{name} in:a,b 'ü' & 100%"
    image = make(strange)

    assert glancelite("image", "show", strange, "-f", "value", "-c", "id").out.strip() == image


def test_a_hidden_image_is_found_by_name(glancelite, make, name):
    image = make(name, "--hidden")

    assert glancelite("image", "show", name, "-f", "value", "-c", "id").out.strip() == image


def test_a_name_of_two_images_lists_both(glancelite, make, name):
    ids = {make(name), make(name)}

    done = glancelite("image", "show", name)

    assert done.code == 1
    first, *lines = done.err.splitlines()
    assert first == f"Error: Cannot show image '{name}': 2 images have the name '{name}'; give the ID of one:"
    assert {line.split()[0] for line in lines} == ids
    assert all("owner" in line and "created 20" in line for line in lines)


@pytest.mark.parametrize("verb", ["show", "set", "unset", "save"])
def test_an_unknown_image_is_named(glancelite, verb):
    done = glancelite("image", verb, "no-such-image")

    assert done.code == 1
    assert done.err.endswith(" image 'no-such-image': no image has this name or ID.\n")
    assert len(done.err.splitlines()) == 1


def test_a_list_is_filtered_by_what_is_asked(glancelite, make, name):
    one, two = f"{name}-1", f"{name}-2"
    make(one, "--public", "--tag", name, "--tag", "x", "--property", f"mark={name}", "--protected")
    make(two, "--private", "--tag", name, "--property", f"mark={name}")
    mine = ("image", "list", "-f", "json", "--property", f"mark={name}")

    assert names(glancelite(*mine)) == [one, two]
    assert names(glancelite(*mine, "--public")) == [one]
    assert names(glancelite(*mine, "--private")) == [two]
    assert names(glancelite(*mine, "--all")) == [one, two]
    assert names(glancelite("image", "list", "-f", "json", "--tag", name, "--tag", "x")) == [one]
    assert names(glancelite(*mine, "--name", two)) == [two]
    assert names(glancelite(*mine, "--status", "active")) == []
    assert names(glancelite(*mine, "--hidden")) == []
    assert names(glancelite(*mine, "--project", "nobody")) == []


def test_a_list_is_sorted_and_cut_at_the_server(glancelite, make, name):
    made = [f"{name}-{n}" for n in (3, 1, 2)]
    ids = {each: make(each, "--tag", name) for each in made}
    mine = ("image", "list", "-f", "json", "--tag", name)
    ordered = sorted(made)

    assert names(glancelite(*mine)) == ordered
    assert names(glancelite(*mine, "--sort", "name:desc")) == ordered[::-1]
    assert names(glancelite(*mine, "--sort", "name")) == ordered
    assert names(glancelite(*mine, "--sort", "status,name")) == ordered
    assert names(glancelite(*mine, "--limit", "1")) == ordered[:1]
    assert names(glancelite(*mine, "--limit", "1", "--max-items", "2")) == ordered[:2]
    assert names(glancelite(*mine, "--max-items", "2")) == ordered[:2]
    assert names(glancelite(*mine, "--marker", ids[ordered[0]])) == ordered[1:]
    assert names(glancelite(*mine, "--sort-column", "name", "--sort-descending")) == ordered[::-1]


def test_a_list_follows_page_after_page(glancelite, canned):
    def page(handler):
        start = int(handler.path.partition("marker=")[2] or 0)
        images = [{"id": str(n), "name": f"n{n}", "status": "active"} for n in range(start + 1, start + 3)]
        more = {"next": f"/prefix-of-elsewhere/v2/images?sort=name%3Aasc&marker={start + 2}"} if start < 4 else {}
        handler.say(200, {}, {"images": images, **more})

    canned.answers["GET", "/v2/images"] = page

    done = glancelite("image", "list", "-f", "json", OS_ENDPOINT=f"{canned.url}/v2/")

    assert names(done) == ["n1", "n2", "n3", "n4", "n5", "n6"]
    assert len(canned.requests) == 3


def test_set_changes_what_is_named_and_nothing_else(glancelite, make, name):
    image = make(name, "--tag", "old", "--property", "keep=1")

    done = glancelite(
        "image", "set", name, "--name", f"{name}-new", "--tag", "new", "--property", "a/b~c=2", "--min-disk", "4",
        "--protected", "--private", "--os-distro", "debian", "--hidden", "--disk-format", "qcow2",
    )  # fmt: skip
    after = glancelite("image", "show", image, "-f", "json").json

    assert (done.code, done.out, done.err) == (0, "", "")
    assert (after["name"], after["min_disk"], after["min_ram"]) == (f"{name}-new", 4, 0)
    assert (after["protected"], after["visibility"], after["disk_format"]) == (True, "private", "qcow2")
    assert sorted(after["tags"]) == ["new", "old"]
    properties = after["properties"]
    assert (properties["keep"], properties["a/b~c"], properties["os_distro"]) == ("1", "2", "debian")
    assert properties["os_hidden"] is True

    glancelite("image", "set", image, "--unprotected", "--unhidden")
    again = glancelite("image", "show", image, "-f", "json").json
    assert (again["protected"], again["properties"]["os_hidden"]) == (False, False)


def test_set_with_nothing_to_set_does_nothing(glancelite, make, name):
    make(name)

    assert glancelite("image", "set", name).code == 0


def test_what_the_service_refuses_to_change_is_said_in_its_words(glancelite, name, disk):
    glancelite("image", "create", name, "--file", disk)

    done = glancelite("image", "set", name, "--disk-format", "qcow2")

    assert done.code == 1
    assert done.err.startswith(f"Error: Cannot change image '{name}': Attribute 'disk_format' can be replaced only")
    assert "(HTTP 403, request req-" in done.err
    assert len(done.err.splitlines()) == 1


def test_unset_removes_tags_and_properties(glancelite, make, name):
    make(name, "--tag", "a", "--tag", "b", "--property", "x=1", "--property", "y=2", "--os-distro", "debian")

    done = glancelite("image", "unset", name, "--tag", "a", "--property", "x", "--property", "os_distro")
    after = glancelite("image", "show", name, "-f", "json").json

    assert (done.code, done.out, done.err) == (0, "", "")
    assert after["tags"] == ["b"]
    assert {"x", "y", "os_distro"} & after["properties"].keys() == {"y"}


def test_unset_warns_about_what_is_not_there_and_does_the_rest(glancelite, make, name):
    make(name, "--tag", "a", "--property", "x=1")

    done = glancelite(
        "image",
        "unset",
        name,
        "--tag",
        "a",
        "--tag",
        "none",
        "--property",
        "x",
        "--property",
        "no",
        "--property",
        "name",
    )

    assert done.code == 1
    assert done.err.splitlines() == [
        f"Image '{name}' has no tag 'none'.",
        f"Image '{name}' has no property 'no'.",
        f"Image '{name}' has no property 'name'.",
        f"Error: Failed to unset 1 of 2 tags and 2 of 3 properties of image '{name}'.",
    ]
    after = glancelite("image", "show", name, "-f", "json").json
    assert after["tags"] == []
    assert "x" not in after["properties"]


def test_delete_takes_several_and_prints_nothing(glancelite, make, name):
    image = make(f"{name}-1")
    make(f"{name}-2")

    done = glancelite("image", "delete", image, f"{name}-2")

    assert (done.code, done.out, done.err) == (0, "", "")
    assert glancelite("image", "show", image).code == 1
    assert glancelite("image", "show", f"{name}-2").code == 1


def test_delete_goes_on_after_a_failure(glancelite, make, name):
    make(f"{name}-kept", "--protected")
    make(name)

    done = glancelite("image", "delete", "no-such-image", f"{name}-kept", name)

    assert done.code == 1
    unknown, protected, sum_of_it = done.err.splitlines()
    assert unknown == "Cannot delete image 'no-such-image': no image has this name or ID."
    assert protected.startswith(f"Cannot delete image '{name}-kept': Image ")
    assert "is protected and cannot be deleted. (HTTP 403, request req-" in protected
    assert sum_of_it == "Error: Failed to delete 2 of 3 images."
    assert glancelite("image", "show", name).code == 1
