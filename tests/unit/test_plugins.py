"""Which plugins there are, what they may be told, and the two that only change the record."""

import subprocess
import sys
from pathlib import Path

import pytest
from unit.workpieces import Piece, config, plugin

from glancelite.errors import ConfigError
from glancelite.tasks.plugins import PLUGINS, open_plugins, plugin_options


def inject(words: str, **settings: object) -> object:
    return plugin("inject_image_metadata", inject_metadata_properties__inject=words, **settings)


def injected(tmp_path: Path, words: str, *roles: str, **settings: object) -> dict[str, object]:
    piece = Piece(tmp_path, b"", roles=roles)
    inject(words, **settings).run(piece)  # type: ignore[attr-defined]
    return piece.changes


def test_there_are_none_until_they_are_named_and_then_they_come_in_that_order() -> None:
    assert open_plugins(config()) == ()
    names = "[no_op, image_decompression,inject_image_metadata, no_op]"
    opened = open_plugins(config(image_import_opts__image_import_plugins=names))
    assert [one.name for one in opened] == ["no_op", "image_decompression", "inject_image_metadata", "no_op"]


def test_an_unknown_one_stops_the_start_and_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="names 'convert'; the plugins that there are: image_conversion, image_dec"):
        open_plugins(config(image_import_opts__image_import_plugins="no_op,convert"))


def test_each_plugin_is_found_by_its_name_and_has_a_manual() -> None:
    for name, load in PLUGINS.items():
        assert load().name == name
        assert f"image_import_plugins = {name}" in (load().__doc__ or "") or "image_conversion" in (
            load().__doc__ or ""
        )


def test_each_option_is_there_once_and_says_what_it_does() -> None:
    options = plugin_options()
    assert len({option.key for option in options}) == len(options)
    assert all(option.help.endswith(".") for option in options)


def test_listing_the_options_imports_nothing_heavy() -> None:
    code = "import sys; from glancelite.tasks.plugins import plugin_options; plugin_options(); "
    code += "print([name for name in sys.modules if name in ('oslo_utils', 'ctypes', 'selectors')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_nothing_is_done_by_no_op(tmp_path: Path) -> None:
    piece = Piece(tmp_path, b"data")
    plugin("no_op").run(piece)
    assert piece.is_untouched()


def test_properties_are_added_for_all_but_certain_roles(tmp_path: Path) -> None:
    words = "imported:yes, docs:https://wiki.example:8080/a:b,empty:"
    added = {"properties": {"imported": "yes", "docs": "https://wiki.example:8080/a:b", "empty": ""}}
    homes = iter(range(9))

    def home() -> Path:
        path = tmp_path / str(next(homes))
        path.mkdir()
        return path

    assert injected(home(), words, "member", "reader") == added
    assert injected(home(), words) == added
    assert injected(home(), words, "member", "Admin") == {}
    spared = {"inject_metadata_properties__ignore_user_roles": "Robot, clerk"}
    assert injected(home(), words, "admin", **spared) == added
    assert injected(home(), words, "clerk", **spared) == {}
    assert injected(home(), words, "admin", inject_metadata_properties__ignore_user_roles="") == added
    assert injected(home(), "", "member") == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("a", "'a' is not NAME:VALUE"),
        (":b", "':b' is not NAME:VALUE"),
        ("a:b,a:c", "'a' is there twice"),
        ("os_glance_import_task:x", "'os_glance_import_task' is a name that the service keeps for itself"),
        ("status:active", "'status' is a name that the service keeps for itself"),
        ("disk_format:raw", "'disk_format' is a name"),
        ("location:x", "'location' is a name"),
        ("n" * 256 + ":x", "is longer than 255 characters"),
    ],
)
def test_what_no_property_may_be_stops_the_start(words: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"\[inject_metadata_properties\] inject is not understood") as caught:
        inject(words)
    assert said in str(caught.value)
