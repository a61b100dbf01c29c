"""Commands as `glance` spells them: what they do is what ours do."""

import pytest

from glancelite.cli.aliases import translate

VALUED = ("--min-disk", "--property", "--file", "--store", "--uri", "--disk-format", "--tag", "--os-cloud")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("image-create --name n --visibility public --tags a b --min-disk 5 --protected True --hidden False",
         ["image create n --public --tag a --tag b --min-disk 5 --protected"]),
        ("image-create --name=n --file f --instance-uuid u", ["image create n --file f --instance-id u"]),
        ("image-create-via-import --name n --file f", ["image create n --import --file f"]),
        ("image-create-via-import --name n --import-method web-download --uri http://h --stores a,b",
         ["image create n --uri http://h --store a --store b"]),
        ("image-list --limit 5 --page-size 2 --visibility private --property-filter a=b --hidden",
         ["image list --max-items 5 --private --property a=b --hidden"]),
        ("image-list --sort-key name --sort-key size --sort-dir asc", ["image list --sort name:asc,size:asc"]),
        ("image-list --sort-key name --sort-dir desc --sort-key id --sort-dir asc",
         ["image list --sort name:desc,id:asc"]),
        ("image-show x --max-column-width 20", ["image show x"]),
        ("image-update x --name n --property a=b --protected False", ["image set x --name n --property a=b "
         "--unprotected", "image show x"]),
        ("image-update --property a=b x --remove-property c --remove-property d",
         ["image set x --property a=b", "image unset x --property c --property d", "image show x"]),
        ("image-delete a b", ["image delete a b"]),
        ("image-download x --file f --allow-md5-fallback --prefer a,b",
         ["image save x --file f --store-preference a --store-preference b"]),
        ("image-upload --file f x", ["image upload x --file f"]),
        ("image-stage --file f x", ["image stage x --file f"]),
        ("image-import x --import-method copy-image --all-stores True --allow-failure False",
         ["image import x --method copy-image --all-stores --disallow-failure"]),
        ("image-import x --remote-image-id i", ["image import x --remote-image i"]),
        ("import-info", ["image import info"]),
        ("image-deactivate x", ["image set x --deactivate"]),
        ("image-reactivate x", ["image set x --activate"]),
        ("image-tag-update x t", ["image set x --tag t"]),
        ("image-tag-delete x t", ["image unset x --tag t"]),
        ("image-tasks x", ["image task list x"]),
        ("member-create x p", ["image add project x p"]),
        ("member-delete x p", ["image remove project x p"]),
        ("member-list --image-id x", ["image member list x"]),
        ("member-get x p", ["image member get x p"]),
        ("member-update x p accepted", ["image set x --project p --accept"]),
        ("stores-info --detail", ["image stores list --detail"]),
        ("stores-delete --store s x", ["image delete x --store s"]),
        ("task-list --page-size 3 --sort-key id", ["image task list --sort-key id"]),
        ("task-show t", ["image task show t"]),
        ("location-add x --url u", ["image location add x --url u"]),
        ("usage --os-cloud c", ["image quota show --os-cloud c"]),
        ("explain image", ["image schema show image"]),
        ("image-show", ["image show"]),
    ],
)  # fmt: skip
def test_each_spelling_has_ours(theirs, ours):
    known = ("--sort-key", "--name", "--url") if theirs.startswith(("task", "image-update", "location")) else ()

    assert [" ".join(line) for line in translate(theirs.split(), (*VALUED, *known))] == ours


def test_an_image_lives_by_the_old_spellings(glancelite, name, disk, tmp_path):
    made = glancelite(
        "image-create", "--name", name, "--file", disk, "--disk-format", "raw", "--property", "a=b", "-f", "json"
    )
    assert made.code == 0, made.err
    image = made.json["id"]
    changed = glancelite("image-update", image, "--name", f"{name}-2", "--remove-property", "a", "--min-ram", "7")
    assert changed.code == 0, changed.err
    assert f"| {name}-2 " in changed.out and "a='b'" not in changed.out
    assert glancelite("image-tag-update", image, "blue").code == 0
    listed = glancelite(
        "image-list", "--sort-key", "name", "--tag", "blue", "--limit", "9", "-f", "value", "-c", "Name"
    )
    assert listed.out == f"{name}-2\n"
    assert glancelite("image-download", image, "--file", tmp_path / "out").code == 0
    assert (tmp_path / "out").read_bytes() == disk.read_bytes()
    assert glancelite("image-delete", image).code == 0
    assert glancelite("image-show", image).code == 1


def test_a_failed_first_half_ends_an_update(glancelite):
    done = glancelite("image-update", "none", "--name", "x")

    assert (done.code, done.out) == (1, "")
    assert done.err.count("Error:") == 1


def test_they_are_in_no_help_but_offered_for_what_is_nearly_one(glancelite):
    assert "image-create" not in glancelite("--help").out
    done = glancelite("image-creat")

    assert done.code == 2
    assert "There is no command 'image-creat'. Did you mean 'image-create'?" in done.err
    assert "Missing argument 'IMAGE'" in glancelite("image-show").err
