"""Commands that move data, in the words of `openstack`, by it and by ours: same image, same bytes, same code."""

import pytest

pytestmark = pytest.mark.slow

OWN = ("id", "created_at", "updated_at", "file", "owner_specified.openstack.object")


def same_but_own(image):
    """What of a created image does not depend on when it was made."""
    rest = {name: value for name, value in image.items() if name not in OWN}
    rest["properties"] = {
        name: value for name, value in image["properties"].items() if not name.startswith("owner_specified.")
    }
    return rest


@pytest.fixture
def both(openstack, glancelite):
    """Run one command line by both; their codes and outputs."""
    import json

    def run(*words, stdin=None):
        theirs = openstack(*words, **({"stdin": stdin} if stdin else {}))
        if stdin:
            stdin.seek(0)
        ours = glancelite(*words, stdin=stdin)
        is_json = theirs.out.startswith("{")
        return (theirs.code, json.loads(theirs.out) if is_json else theirs.out), (
            ours.code, json.loads(ours.out) if is_json else ours.out,
        )  # fmt: skip

    return run


def test_create_from_a_file_makes_the_same_image(both, name, disk):
    words = ["image", "create", name, "--file", disk, "--disk-format", "raw", "--container-format", "bare", "--force"]

    theirs, ours = both(*words, "--property", "a=b", "--tag", "t", "-f", "json")

    assert theirs[0] == ours[0] == 0
    assert same_but_own(theirs[1]) == same_but_own(ours[1])


def test_create_from_standard_input_makes_the_same_image(both, name, disk):
    with disk.open("rb") as stream:
        theirs, ours = both("image", "create", name, "-f", "json", stdin=stream)

    assert theirs[0] == ours[0] == 0
    assert same_but_own(theirs[1]) == same_but_own(ours[1])


def test_save_writes_the_same_bytes_and_says_the_same(both, glancelite, name, disk, tmp_path):
    glancelite("image", "create", name, "--file", disk)

    theirs, ours = both("image", "save", name, "--file", tmp_path / "out", "--chunk-size", "65536")

    assert theirs == ours == (0, "")
    assert (tmp_path / "out").read_bytes() == disk.read_bytes()
    assert [each[0] for each in both("image", "save", f"{name}-none", "--file", tmp_path / "none")] == [1, 1]


def test_stage_says_the_same(openstack, glancelite, name, disk):
    for run in (openstack, glancelite):
        image = glancelite("image", "create", name, "-f", "value", "-c", "id").out.strip()
        done = run("image", "stage", image, "--file", disk)
        status = glancelite("image", "show", image, "-f", "value", "-c", "status").out
        assert (done.code, done.out, status) == (0, "", "uploading\n")
