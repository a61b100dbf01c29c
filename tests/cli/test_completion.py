"""What shells are told when somebody presses TAB: words of ours, and names that the service knows."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import command

WORDS = " ".join(command())


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "home/.cache/glancelite"


@pytest.fixture
def press(glancelite):
    """Candidates for a line, as bash hears them; the machine may be slow, so that a late answer is waited for."""

    def tab(line, piece=None, tries=1, **env):
        piece = line.split(" ")[-1] if piece is None else piece
        for _ in range(tries):
            done = glancelite(_GLANCELITE_COMPLETE="bash_complete", COMP_LINE=line, COMP_PIECE=piece, **env)
            assert done.err == ""
            if found := [row.split("\t")[1] for row in done.out.splitlines()]:
                break
            time.sleep(0.3)
        return found

    return tab


@pytest.fixture
def images(canned):
    """A canned service with some images."""
    names = ["ubuntu:22.04", "ubuntu:24.04", "two", "two", "my image", "it's", "a$(x);b", "bad\x1bname", "-n", None]
    found = [{"id": f"{number:08x}-0000-4000-8000-000000000000", "name": name} for number, name in enumerate(names, 10)]
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": found})
    return canned


def test_names_are_completed_written_so_that_a_shell_takes_them_as_they_are(press, images):
    found = press("glancelite image show ", tries=20, OS_ENDPOINT=images.url)

    assert found[:2] == ["ubuntu:22.04", "ubuntu:24.04"]
    assert {"my\\ image", "it\\'s", "a\\$\\(x\\)\\;b"} <= set(found)
    assert "two" not in found and "0000000c-0000-4000-8000-000000000000" in found
    assert "0000000a-0000-4000-8000-000000000000" not in found
    assert not [each for each in found if "\x1b" in each or each.startswith("-")]


@pytest.mark.parametrize(
    ("line", "piece", "found"),
    [
        ("image show ubuntu:2", "2", ["22.04", "24.04"]),
        ("image delete two ubuntu:24", "24", ["24.04"]),
        ("image show my\\ i", "my\\ i", ["my\\ image"]),
        ("image show 'my i", "my i", ["my image"]),
        ("image show 'it", "it", []),
        ("image show 0000000a", "0000000a", ["0000000a-0000-4000-8000-000000000000"]),
        ("image set --tag x my", "my", ["my\\ image"]),
        ("image list -f js", "js", ["json"]),
        ("image list --format=cs", "cs", ["csv"]),
        ("image list --os-cl", "--os-cl", ["--os-cloud"]),
        ("imag", "imag", ["image"]),
        ("serv", "serv", ["server"]),
        ("image impor", "impor", ["import"]),
        ("image ad", "ad", ["add"]),
        ("image add ", "", ["project"]),
        ("image add project my", "my", ["my\\ image"]),
    ],
)
def test_the_end_of_the_word_is_what_takes_its_place(press, images, line, piece, found):
    assert press(f"glancelite {line}", piece, tries=20 if found else 1, OS_ENDPOINT=images.url) == found


def test_names_are_asked_for_once_in_a_while_and_kept_for_nobody_else(press, images, cache):
    press("glancelite image show ", tries=20, OS_ENDPOINT=images.url)
    images.requests.clear()

    assert press("glancelite image save ub", OS_ENDPOINT=images.url) == ["ubuntu:22.04", "ubuntu:24.04"]
    assert images.requests == []
    (file,) = cache.iterdir()
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(cache.stat().st_mode)) == (0o600, 0o700)
    file.write_text(json.dumps([["1", "kept"]]))
    assert press("glancelite image show ", OS_ENDPOINT=images.url) == ["kept"]
    assert press("glancelite image show ", OS_ENDPOINT=images.url, OS_USERNAME="other", tries=20)[0] == "ubuntu:22.04"
    old = time.time() - 31
    os.utime(file, (old, old))
    assert press("glancelite image show ", OS_ENDPOINT=images.url, tries=20)[0] == "ubuntu:22.04"


def test_who_asks_is_taken_from_the_line(press, images):
    line = f"OS_TOKEN=mine glancelite --os-endpoint {images.url} image show --os-auth-type=token ubuntu:2"

    assert press(line, "2", tries=20, OS_ENDPOINT=None, OS_AUTH_TYPE=None) == ["22.04", "24.04"]
    assert images.requests[0][2]["X-Auth-Token"] == "mine"


def test_a_slow_service_is_not_waited_for_but_its_answer_serves_the_next_one(press, images):
    answer = images.answers["GET", "/v2/images"]

    def late(handler):
        time.sleep(2)
        handler.say(*answer)

    images.answers["GET", "/v2/images"] = late
    assert press("glancelite image show ", OS_ENDPOINT=images.url) == []
    assert press("glancelite image show my", tries=20, OS_ENDPOINT=images.url) == ["my\\ image"]


@pytest.mark.parametrize(
    ("env", "files"),
    [
        ({"OS_ENDPOINT": "http://127.0.0.1:1"}, {}),
        ({"OS_ENDPOINT": "nonsense"}, {}),
        ({"OS_CLOUD": "none"}, {}),
        ({"OS_CLOUD": "none"}, {"clouds.yaml": "clouds: ["}),
        ({"OS_AUTH_TYPE": "http_basic", "OS_USERNAME": "ann"}, {}),
        ({"XDG_CACHE_HOME": "/dev/null"}, {}),
        ({"GLANCELITE_TIMEOUT": "soon"}, {}),
    ],
)
def test_whatever_is_wrong_there_are_no_names_and_no_error(press, tmp_path, env, files):
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert press("glancelite image show x", **env) == []
    assert press("glancelite image shw x", **env) == []


def test_stores_are_completed(press, canned):
    canned.answers["GET", "/v2/info/stores"] = (200, {}, {"stores": [{"id": "fast"}, {"id": "slow"}]})

    assert press("glancelite image import x --store ", tries=20, OS_ENDPOINT=canned.url) == ["fast", "slow"]


def test_what_a_command_changed_is_asked_for_again(press, glancelite, name):
    press("glancelite image show zzz")
    press(f"glancelite image show {name}")
    glancelite("image", "create", name)

    assert press(f"glancelite image show {name}", tries=20) == [name]


def test_a_tab_loads_nothing_of_http_when_names_are_known(press, images, environ):
    press("glancelite image show ", tries=20, OS_ENDPOINT=images.url)
    env = environ | {
        "OS_ENDPOINT": images.url, "_GLANCELITE_COMPLETE": "bash_complete", "COMP_PIECE": "my",
        "COMP_LINE": "glancelite image show my",
    }  # fmt: skip
    argv = [sys.executable, "-X", "importtime", "-m", "glancelite.cli"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)

    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "my\\ image" in done.stdout
    assert not names & {"urllib3", "yaml", "flask", "peewee", "logging", "keystoneauth1", "http.client"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_complete_is_completion_as_other_clients_spell_it(glancelite, shell):
    script = glancelite("completion", shell)

    assert script.code == 0
    assert glancelite("complete", "--shell", shell).out == script.out
    assert glancelite("complete").out == glancelite("completion", "bash").out
    assert "--name" in glancelite("complete", "--help").out
    assert f"{shell}_complete" in glancelite("complete", "--shell", shell, "--name", "gl").out
    if shutil.which(shell):
        parsed = subprocess.run([shell, "-n"], input=script.data, capture_output=True, check=False)
        assert (parsed.returncode, parsed.stderr) == (0, b"")


def test_bash_completes_with_the_script(environ, images, tmp_path):
    (tmp_path / "glancelite").write_text(f'#!/bin/sh\nexec {WORDS} "$@"\n')
    (tmp_path / "glancelite").chmod(0o755)
    script = """
    eval "$(glancelite completion bash)"
    COMP_LINE="glancelite image show 'my i; rm" COMP_POINT=27 COMP_WORDS=(glancelite image show "'my i") COMP_CWORD=3
    for try in {1..20}; do
        _glancelite_completion glancelite "my i"
        [ ${#COMPREPLY[@]} = 0 ] || break
        sleep 0.3
    done
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    env = environ | {"PATH": f"{tmp_path}:{environ['PATH']}", "OS_ENDPOINT": images.url}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("my image\n", "")
