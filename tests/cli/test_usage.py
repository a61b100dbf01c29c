"""Wrong words, help, and how quickly a command is there."""

import subprocess
import sys

import pytest

NEARBY = "Did you mean"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["imag", "list"], "There is no command 'imag'. Did you mean 'image'?"),
        (["image", "creat", "x"], "There is no command 'creat'. Did you mean 'create'?"),
        (["image", "zzz"], "There is no command 'zzz'.\n"),
        (
            ["image", "create", "--cont", "bare", "x"],
            "Options are not abbreviated: write --container-format for --cont.",
        ),
        (["image", "list", "--os-clou", "x"], "Options are not abbreviated: write --os-cloud for --os-clou."),
        (
            ["image", "list", "--s"],
            "write --shared or --sort or --sort-ascending or --sort-column or --sort-descending",
        ),
        (["image", "list", "--nothing"], "No such option"),
        (["image", "list", "-f", "xml"], "'xml' is not one of"),
        (["image", "list", "--limit", "0"], "--limit"),
        (["image", "list", "--public", "--all"], "--public and --all exclude each other."),
        (["image", "list", "--property", "limit=1"], "cannot be filtered by a property called 'limit'"),
        (["image", "show"], "Missing argument"),
        (["image", "show", "a", "b"], "unexpected extra argument"),
        (["image", "delete"], "Missing argument"),
        (["image", "impor", "x"], "There is no command 'impor'. Did you mean 'import'?"),
        (["help", "image", "zzz"], "There is no command 'zzz'."),
        (["help", "image", "list", "x"], "has no commands"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_hint(glancelite, words, said):
    done = glancelite(*words)

    assert done.code == 2
    assert done.out == ""
    assert said in done.err
    assert "--help'." in done.err.splitlines()[-1]


def test_help_is_the_same_by_either_way(glancelite):
    by_option = glancelite("image", "create", "--help")
    by_command = glancelite("help", "image", "create")

    assert by_option.code == by_command.code == 0
    assert by_option.out == by_command.out
    assert "--disk-format" in by_option.out
    assert "--os-cloud" not in by_option.out
    assert "--os-cloud" in glancelite("--help").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_told_how_to_complete(glancelite, shell):
    done = glancelite("completion", shell)

    assert done.code == 0
    assert "_GLANCELITE_COMPLETE" in done.out


def test_commands_and_options_are_completed(glancelite):
    words = {"_GLANCELITE_COMPLETE": "bash_complete"}

    assert "plain\tcreate" in glancelite(**words, COMP_LINE="glancelite image cr", COMP_PIECE="cr").out
    line = {"COMP_LINE": "glancelite image create --dis", "COMP_PIECE": "--dis"}
    assert "plain\t--disk-format" in glancelite(**words, **line).out


@pytest.mark.parametrize(
    "words", [["--version"], ["image", "create", "--help"], ["image", "import", "--help"], ["image", "list"]]
)
def test_a_client_command_imports_nothing_of_the_service(environ, words):
    argv = [sys.executable, "-X", "importtime", "-m", "glancelite.cli", *words]
    imported = subprocess.run(argv, env=environ, capture_output=True, text=True, check=True).stderr

    names = {line.rpartition("|")[2].strip() for line in imported.splitlines()}
    assert "click" in names
    assert not names & {
        "flask",
        "peewee",
        "webob",
        "yaml",
        "keystoneauth1",
        "requests",
        "gunicorn",
        "glancelite.deploy",
    }
    assert ("urllib3" in names) is (words == ["image", "list"])
