"""Without a command glancelite is a shell: a prompt on a terminal, a command a line from anywhere else."""

import os
import stat
import subprocess
import time
from pathlib import Path

import pytest
from harness import command
from terminal import on_terminal

PROMPT = "(glancelite) "


@pytest.fixture
def shell(environ, tmp_path):
    """Starts a shell on a terminal."""
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return lambda *words, **env: on_terminal(command(*words), {**environ, **state, **env})


@pytest.fixture
def history(tmp_path) -> Path:
    return tmp_path / "state/glancelite/history"


def test_lines_of_a_file_are_commands_and_the_worst_code_is_the_last_word(glancelite, name):
    script = f"""
    # a comment
    image create '{name}' -f value -c status  # another
    image show no-such-image
    openstack image show "{name}" -f value -c name
    image shw
    image delete {name}
    """

    done = glancelite(stdin=script.encode())

    assert done.code == 2
    assert done.out == f"queued\n{name}\n"
    assert "Cannot show image 'no-such-image'" in done.err
    assert "There is no command 'shw'. Did you mean 'show'?\nTry 'image --help'." in done.err
    assert glancelite("image", "show", name).code == 1


@pytest.mark.parametrize(("script", "code"), [("", 0), ("\n# nothing\n", 0), ("image show none\n", 1), ("--debug", 2)])
def test_the_code_of_all_lines(glancelite, script, code):
    assert glancelite(stdin=script.encode()).code == code


def test_exit_ends_the_lines_and_an_open_quote_does_not(glancelite):
    done = glancelite(stdin=b"help 'image\nhelp completion\nexit\nimage shw\n")

    assert done.code == 2
    assert "Error: No closing quotation: help 'image\n" in done.err
    assert "Usage: completion" in done.out
    assert "shw" not in done.err


def test_a_line_that_is_no_text_is_a_wrong_word_like_any_other(glancelite):
    done = glancelite(stdin=b"image \xff\n", PYTHONIOENCODING="utf-8:strict")

    assert (done.code, "There is no command" in done.err, "Traceback" in done.err) == (2, True, False), done.err


def test_a_line_takes_no_image_data_from_the_lines_after_it(glancelite, name):
    more_than_is_read_at_once = "# more\n" * 100_000
    lines = f"image create {name} -f value -c status\n{more_than_is_read_at_once}image delete {name}\n"
    done = glancelite(stdin=lines.encode())

    assert (done.code, done.out) == (0, "queued\n")


def test_a_line_is_run_when_it_comes(environ, canned):
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})
    words = command("--os-endpoint", canned.url)
    with subprocess.Popen(words, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        process.stdin.write(b"image list -f json\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"[]\n"
        process.stdin.close()
        assert process.wait() == 0


def test_one_login_and_one_connection_serve_all_lines(glancelite, canned):
    keystone = canned.be_keystone(r=canned.url)
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})
    who = {"OS_ENDPOINT": None, "OS_AUTH_TYPE": None, "OS_AUTH_URL": keystone, "OS_PASSWORD": "p"}

    done = glancelite("--os-username", "ann", stdin=b"image list\n" * 3, **who)

    assert done.code == 0, done.err
    asked = [path.partition("?")[0] for _, path, _ in canned.requests]
    assert (asked.count("/v3/auth/tokens"), asked.count("/v2/images")) == (1, 3)


def test_options_of_the_shell_are_those_of_every_line_and_a_line_may_differ(glancelite, canned):
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})
    lines = b"image list\nimage list --os-token other\nimage list\n"

    done = glancelite(
        "--os-endpoint", canned.url, "--os-token", "mine", stdin=lines, OS_AUTH_TYPE="token", OS_ENDPOINT=None
    )

    assert done.code == 0, done.err
    assert [headers["X-Auth-Token"] for _, _, headers in canned.requests] == ["mine", "other", "mine"]


def test_each_line_has_its_own_log_and_its_own_times(glancelite, canned):
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})

    done = glancelite(
        stdin=b"image list -v -f csv\nimage list -v --timing -f csv\nimage list -f csv\n", OS_ENDPOINT=canned.url
    )

    assert done.err.count("-> 200 in") == 2
    assert done.err.count("| GET ") == 1


def test_a_login_that_is_refused_is_not_kept(glancelite, canned):
    canned.answers["GET", "/v2/images"] = (401, {}, {})
    with on_terminal_asking(canned) as terminal:
        terminal.wait_for(PROMPT)
        for _ in range(2):
            terminal.type("image list\n")
            terminal.wait_for("Password: ")
            terminal.type("wrong\n")
            terminal.wait_for("HTTP 401")


def test_a_password_that_keystone_refuses_is_asked_for_again(canned):
    keystone = canned.be_keystone(r=canned.url)
    canned.answers["POST", "/v3/auth/tokens"] = (401, {}, {"error": {"message": "no", "code": 401}})
    with on_terminal_asking(canned, "--os-auth-url", keystone, kind="password") as terminal:
        terminal.wait_for(PROMPT)
        for _ in range(2):
            terminal.type("image list\n")
            terminal.wait_for("Password: ")
            terminal.type("wrong\n")
            terminal.wait_for("did not log you in")


def on_terminal_asking(canned, *more, kind="http_basic"):
    return on_terminal(
        command("--os-endpoint", canned.url, "--os-auth-type", kind, "--os-username", "ann", *more),
        {"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )


def test_a_password_is_asked_for_once(canned):
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})
    with on_terminal_asking(canned) as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("image list\n")
        terminal.wait_for("Password: ")
        terminal.type("geheim\n")
        terminal.wait_for(PROMPT)
        terminal.type("image list -f value\n")
        assert "Password" not in terminal.wait_for(PROMPT)
        assert "geheim" not in terminal.plain
        terminal.type("quit\n")
        assert terminal.end() == 0
    assert len(canned.requests) == 2


def test_a_terminal_has_a_prompt_that_ends_with_ctrl_d(shell, name):
    with shell() as terminal:
        assert "Ctrl-D leaves" in terminal.wait_for(PROMPT)
        terminal.type(f"image create {name} -f value -c status\n")
        terminal.wait_for("queued")
        terminal.wait_for(PROMPT)
        terminal.type("image shw\n")
        terminal.wait_for("Did you mean 'show'?")
        terminal.wait_for(PROMPT)
        terminal.type("\x04")
        assert terminal.end() == 0


def test_ctrl_c_ends_the_line_and_the_command_but_not_the_shell(shell, canned):
    canned.answers["GET", "/v2/images"] = lambda handler: time.sleep(60)
    with shell("--os-endpoint", canned.url) as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("image li")
        terminal.wait_for("image li")
        time.sleep(0.5)  # Python's readline misses an interrupt in the instant before it waits for a key
        terminal.type("\x03")
        terminal.wait_for(PROMPT)
        terminal.type("image list\n")
        while not canned.requests:
            time.sleep(0.02)
        terminal.type("\x03")
        terminal.wait_for(PROMPT)
        canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})
        terminal.type("image list -f json\n")
        terminal.wait_for("[]")
        terminal.type("exit\n")
        assert terminal.end() == 0


def test_lines_are_remembered_in_the_next_shell_but_no_secrets(shell, history):
    secrets = (
        "image list --os-password hunter2", "image list --os-token=hunter2", "image import x --uri http://u:hunter2@h/"
    )  # fmt: skip
    with shell() as terminal:
        for line in ("image list -f value -c Missing", *secrets, "image list -f xml"):
            terminal.wait_for(PROMPT)
            terminal.type(line + "\n")
        terminal.wait_for(PROMPT)
        terminal.type("exit\n")
        terminal.end()
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("\x1b[A\x1b[A\x1b[A")
        terminal.wait_for("-c Missing")

    assert history.read_text().splitlines() == ["image list -f value -c Missing", "image list -f xml", "exit"]
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_a_shell_outlives_its_history(shell, history):
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        history.unlink()
        history.mkdir()  # nothing can be appended to that
        terminal.type("image list -f value -c Missing\n")
        terminal.wait_for("Missing")
        terminal.wait_for(PROMPT)
        terminal.type("exit\n")
        assert terminal.end() == 0


def test_tables_fit_a_narrow_terminal(environ, glancelite, name, disk):
    glancelite("image", "create", name, "--file", disk)
    with on_terminal(command("image", "show", name), environ, columns=60) as terminal:
        assert terminal.end() == 0
        assert max(map(len, terminal.plain.splitlines())) == 60


def test_a_shell_needs_no_place_for_its_history(shell):
    with shell(XDG_STATE_HOME="/dev/null/none") as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("exit\n")
        assert terminal.end() == 0


def test_commands_options_values_images_and_files_are_completed(shell, glancelite, name, tmp_path):
    glancelite("image", "create", f"{name} of mine")
    (tmp_path / f"{name}.img").touch()
    with shell() as terminal:
        for typed, shown in (
            ("im\tli\t-f js\t", "image list -f json "),
            ("image list --format=cs\t", "--format=csv "),
            ("image create --disk-f\t", "--disk-format "),
            (f"image show {name}\t", f"image show {name}\\ of\\ mine "),
            (f"image show '{name} o\t", f"'{name} of mine' "),
            (f"image create x --file {tmp_path}/{name}\t", f"{tmp_path}/{name}.img "),
            (f"image create x --file {tmp_path.parent}/../{tmp_path.parent.name[:-1]}\t", f"{tmp_path.parent.name}/"),
        ):
            terminal.wait_for(PROMPT)
            terminal.type(typed)
            terminal.wait_for(shown, again="\t")
            terminal.type("\x15\n")


def test_what_a_line_made_is_completed_at_once(shell, name):
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        terminal.type(f"image show {name}\t\x15\n")
        terminal.wait_for(PROMPT)
        terminal.type(f"image create {name}-made -f value -c status\n")
        terminal.wait_for("queued")
        terminal.wait_for(PROMPT)
        terminal.type(f"image show {name}\t")
        terminal.wait_for(f"{name}-made ", again="\t")


def test_a_reader_that_goes_away_ends_a_shell_with_141(environ):
    lines = "import sys; sys.stdout.write('help image list\\n' * 2000)"
    words = f"""python3 -c "{lines}" | {" ".join(command())} | head -1; echo "codes ${{PIPESTATUS[*]}}" """
    done = subprocess.run(["bash", "-c", words], env=environ, capture_output=True, text=True, check=False)

    assert done.stdout.splitlines()[-1].split()[2] == "141"
    assert "Traceback" not in done.stderr
