"""`glancelite` without a command: a conversation on a terminal, or commands line by line."""

import json
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli.conftest import Canned, Run
from harness import command

PROMPT = "(glancelite) "
SECONDS = 30


class Terminal:
    """A shell on a terminal of so many columns, and who sits there."""

    def __init__(self, *words: str, columns: int = 100, **env: str) -> None:
        self.handle, end = pty.openpty()
        self._seen = ""
        sized = {**env, "COLUMNS": str(columns), "TERM": "dumb"}
        words = ("setsid", "--ctty", *command(*words))  # Ctrl-C is for who has the terminal
        self.process = subprocess.Popen(words, stdin=end, stdout=end, stderr=end, env=sized)
        os.close(end)

    def await_text(self, text: str) -> str:
        """What is on the screen up to this text, which is taken off."""
        deadline = time.monotonic() + SECONDS
        while text not in self._seen:
            assert time.monotonic() < deadline, f"{text!r} does not come after {self._seen!r}"
            self._look()
        before, _, self._seen = self._seen.partition(text)
        return before.replace("\r\n", "\n")

    def _look(self) -> None:
        if select.select([self.handle], [], [], 0.1)[0]:
            self._seen += os.read(self.handle, 1 << 16).decode()

    def type(self, text: str) -> None:
        os.write(self.handle, text.encode())

    def run(self, line: str) -> str:
        """What a command prints."""
        self.type(line + "\n")
        printed = self.await_text(PROMPT)
        return printed.partition("\n")[2]

    def leave(self, text: str = "exit\n") -> int:
        self.type(text)
        return self.process.wait(SECONDS)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.handle)


@pytest.fixture
def sit_down(environ: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    terminals: list[Terminal] = []

    def start(*words: str, **more: object) -> Terminal:
        terminals.append(Terminal(*words, **{**environ, **more}))  # type: ignore[arg-type]
        terminals[-1].await_text(PROMPT)
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


def test_a_session_takes_command_after_command(sit_down: Callable[..., Terminal], name: str) -> None:
    shell = sit_down()
    assert "| queued" in shell.run(f"image create '{name} of mine' </dev/null".partition(" <")[0])
    assert f'"{name} of mine"' in shell.run("glancelite image list -f json")
    assert "There is no command 'imag'" in shell.run("imag list")
    assert f"{name} of mine" in shell.run("image list -f value -c Name  # with a remark")
    assert "No closing quotation" in shell.run("image show 'x")
    assert shell.leave("quit\n") == 0


def test_global_options_of_the_shell_are_those_of_its_commands(
    sit_down: Callable[..., Terminal], endpoint: str, name: str
) -> None:
    shell = sit_down("--os-endpoint", endpoint, "--timing", OS_ENDPOINT="http://127.0.0.1:1")
    said = shell.run("image list")
    assert f"GET {endpoint}/v2/images" in said
    assert "No service answers at http://127.0.0.1:1" in shell.run("image list --os-endpoint http://127.0.0.1:1")
    assert re.search(r"Total +\|", shell.run("image list"))


def test_it_logs_in_once(sit_down: Callable[..., Terminal], canned: Canned) -> None:
    issued = {"token": {"catalog": [], "expires_at": "2099-01-01T00:00:00Z", "methods": ["password"]}}
    links = [{"rel": "self", "href": f"{canned.url}/v3/"}]
    canned.answers["GET", "/v3"] = (200, {}, {"version": {"id": "v3.14", "status": "stable", "links": links}})
    canned.answers["POST", "/v3/auth/tokens"] = (201, {"X-Subject-Token": "a-token"}, issued)
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})
    login = {"OS_AUTH_TYPE": "password", "OS_AUTH_URL": f"{canned.url}/v3", "OS_USERNAME": "kim", "OS_PASSWORD": "p"}
    shell = sit_down(**login, OS_ENDPOINT=canned.url, OS_PROJECT_NAME="lab", OS_DEFAULT_DOMAIN="default")
    for _ in range(3):
        assert "Cannot" not in shell.run("image list")
    asked = [f"{method} {path.partition('?')[0]}" for method, path, _ in canned.requests]
    assert asked.count("POST /v3/auth/tokens") == 1, asked
    assert asked.count("GET /v2/images") == 3


def test_ctrl_c_gives_up_the_line_and_ctrl_d_leaves(sit_down: Callable[..., Terminal]) -> None:
    shell = sit_down()
    shell.type("image delete everyth")
    shell.await_text("everyth")
    time.sleep(0.5)  # Python's readline misses an interrupt in the instant before it waits for a key
    shell.type("\x03")
    shell.await_text(PROMPT)
    assert "glancelite " in shell.run("--version")
    assert shell.leave("\x04") == 0


def test_words_are_completed(sit_down: Callable[..., Terminal]) -> None:
    shell = sit_down()
    shell.type("ima\tsho\t--hum\t")
    shell.await_text("image show --human-readable ")
    shell.type("\x15")


def test_lines_are_remembered_but_for_those_with_secrets(
    sit_down: Callable[..., Terminal], environ: dict[str, str], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    shell = sit_down(XDG_STATE_HOME=str(state))
    shell.run("image list --long")
    shell.run("image list --os-token s3cret")
    assert shell.leave() == 0
    history = state / "glancelite/history"
    assert history.read_text() == "image list --long\nexit\n"
    assert history.stat().st_mode & 0o777 == 0o600
    shell = sit_down(XDG_STATE_HOME=str(state))
    shell.type("\x10\x10")
    shell.await_text("image list --long")


def test_tables_fit_a_narrow_terminal(
    sit_down: Callable[..., Terminal], glancelite: Run, name: str, disk: Path
) -> None:
    glancelite("image", "create", name, "--file", disk)
    shown = sit_down(columns=60).run(f"image show {name}")
    assert max(map(len, shown.splitlines())) == 60


# From a pipe ----------------------------------------------------------------------------------------------------------


def test_lines_of_a_pipe_are_commands_and_the_worst_code_counts(glancelite: Run, name: str) -> None:
    script = f"""
    # an image without data: these lines are not its data
    image create {name} -f json
    image show {name}-that-is-not
    openstack image list --name {name} -f value -c Name
    """
    done = glancelite(stdin=script.encode())
    assert done.code == 1
    assert "no image has this name or ID" in done.err
    made, _, rest = done.out.partition("}\n")
    assert json.loads(made + "}")["status"] == "queued"
    assert rest == f"{name}\n"
    assert glancelite("image", "show", name, "-f", "value", "-c", "status").out == "queued\n"


@pytest.mark.parametrize(
    ("lines", "code"),
    [("", 0), ("\n# nothing\n", 0), ("--version\nimage zzz\n", 2), ("image show 'x\n", 2), ("exit\nimage zzz\n", 0)],
)
def test_a_pipe_ends_with_the_worst_code(glancelite: Run, lines: str, code: int) -> None:
    assert glancelite(stdin=lines.encode()).code == code


def test_a_line_that_is_no_text_is_a_wrong_word_like_any_other(glancelite: Run) -> None:
    done = glancelite(stdin=b"image \xff\n", PYTHONIOENCODING="utf-8:strict")
    assert (done.code, "There is no command" in done.err, "Traceback" in done.err) == (2, True, False), done.err
