"""How far a transfer is, as a person at a terminal, a log and a program see it; and what is tried again."""

import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from email.utils import formatdate
from fcntl import ioctl

import pytest
from harness import command

ID = "505be7df-a7ae-452b-b804-dbb0b01bbe01"
COLUMNS = 60


def at_terminal(words, environ, data=None, **more):
    """Run a command whose standard error is a terminal of 60 columns; its code and what the terminal got."""
    master, terminal = pty.openpty()
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command(*map(str, words)), stdin=subprocess.PIPE if data else subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=terminal, env=environ | {"TERM": "xterm"} | more,
    )  # fmt: skip
    os.close(terminal)
    if data:
        process.stdin.write(data)
        process.stdin.close()
    seen = b""
    while select.select([master], [], [], 20)[0]:
        try:
            seen += os.read(master, 1 << 16)
        except OSError:  # its other end is closed
            break
    os.close(master)
    return process.wait(20), seen.decode()


@pytest.fixture
def big(tmp_path):
    file = tmp_path / "big.img"
    file.write_bytes(os.urandom(1 << 20) * 24)
    return file


def drawn(screen):
    """What was drawn over each other on a line, from its first state to its last."""
    return [each.rstrip() for each in screen.replace("\r\n", "").split("\r") if each]


@pytest.mark.parametrize("colours", [{}, {"NO_COLOR": "1"}])
def test_a_bar_fits_a_narrow_terminal_and_has_no_colours(environ, name, big, colours):
    made, screen = at_terminal(["image", "create", name, "--file", big, "--progress"], environ, **colours)
    saved, other = at_terminal(["image", "save", name, "--file", big, "--progress"], environ, **colours)

    assert (made, saved) == (0, 0)
    for each in (screen, other):
        states = drawn(each)
        assert all(len(state) < COLUMNS for state in states)
        assert states[-1] == "checking sha512…"
        assert re.fullmatch(r"\[=+\] 24 MiB of 24 MiB, \d+\.\d MiB/s", states[-2])
        assert each.endswith("\r\n")
        assert "\x1b" not in each


def test_a_pipe_has_bytes_and_a_rate_and_no_bar(environ, name, big):
    code, screen = at_terminal(["image", "create", name, "--progress"], environ, data=big.read_bytes())

    assert code == 0
    assert re.fullmatch(r"24 MiB, \d+\.\d MiB/s", drawn(screen)[-2])


def test_an_error_does_not_stand_behind_the_bar(environ, name, big):
    code, screen = at_terminal(
        ["image", "create", name, "--file", big, "--progress", "--disk-format", "qcow2"],
        environ | {"NO_COLOR": "1"},
    )

    assert code == 1
    assert "\r\nError: Cannot upload" in screen


@pytest.mark.parametrize("verb", ["create", "stage", "upload", "save"])
def test_every_direction_tells_a_log_each_tenth_and_a_program_each_step(glancelite, name, disk, verb):
    size = disk.stat().st_size

    def transfer(*more, **env):
        glancelite("image", "delete", f"{name}-{verb}")
        if verb == "create":
            return glancelite("image", "create", f"{name}-{verb}", "--file", disk, "--progress", *more, **env)
        given = ["--file", disk] if verb == "save" else []
        glancelite("image", "create", f"{name}-{verb}", *given)
        target = "out.img" if verb == "save" else disk
        return glancelite("image", verb, f"{name}-{verb}", "--file", target, "--progress", *more, **env)

    log = transfer("-v").err
    told = [json.loads(line) for line in transfer(GLANCELITE_PROGRESS="json").err.splitlines()]
    silent = [transfer(), transfer("-q"), transfer(GLANCELITE_PROGRESS="never")]

    assert re.search(r"^2 MiB of 2 MiB, \d+\.\d MiB/s$", log, re.M)
    assert {"bytes": size, "total": size} in told
    assert [done.err for done in silent] == ["", "", ""]
    if verb != "stage":
        assert "\nchecking sha512…\n" in log
        assert told[-1] == {"bytes": size, "total": size, "step": "checking sha512"}


def test_a_log_has_a_line_each_tenth(glancelite, name, big):
    log = glancelite("image", "create", name, "--file", big, "--progress", "-v").err

    assert 9 <= len(re.findall(r"^\d+ MiB of 24 MiB", log, re.M)) <= 10


def test_a_log_of_a_pipe_has_bytes(glancelite, name):
    log = glancelite("image", "create", name, "--progress", "-v", stdin=b"x" * 5000).err

    assert re.search(r"^4 KiB, \d+\.\d MiB/s$", log, re.M)


def test_another_kind_of_progress_is_refused(glancelite, name, disk):
    done = glancelite("image", "create", name, "--file", disk, "--progress", GLANCELITE_PROGRESS="loud")

    assert (done.code, "GLANCELITE_PROGRESS is 'loud', which is not one of auto, never, json." in done.err) == (2, True)
    assert glancelite("image", "list", "--name", name, "-f", "value").out == ""


# Trying again ---------------------------------------------------------------------------------------------------------


def failing(times, then, **headers):
    left = iter(range(times))

    def answer(handler):
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if next(left, None) is None:
            handler.say(*then)
        else:
            handler.say(503, headers, b"Come back later.")

    return answer


IMAGE = {"id": ID, "name": "x", "status": "active", "tags": []}


def test_what_is_asked_is_asked_again_when_the_service_says_so(glancelite, canned):
    canned.answers["GET", f"/v2/images/{ID}"] = failing(1, (200, {}, IMAGE), **{"Retry-After": "1"})
    started = time.monotonic()

    done = glancelite("image", "show", ID, "--retries", "1", OS_ENDPOINT=canned.url)

    assert (done.code, len(canned.requests)) == (0, 2)
    assert done.err == "Come back later. (HTTP 503) Trying again in 1 s.\n"
    assert time.monotonic() - started > 1


def test_a_time_to_come_back_is_understood_and_is_a_minute_at_most(glancelite, canned):
    canned.answers["GET", f"/v2/images/{ID}"] = failing(1, (200, {}, IMAGE), **{"Retry-After": formatdate(usegmt=True)})
    assert "again in 0 s." in glancelite("image", "show", ID, OS_ENDPOINT=canned.url, GLANCELITE_RETRIES="1").err

    from glancelite.client import errors, retries

    slept = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", slept.append)
        retries.Retries(1).wait(errors.Refused(503, "Later.", retry_after=86_400.0))
    assert slept == [60.0]


def test_nothing_is_asked_again_without_being_told_to(glancelite, canned):
    canned.answers["GET", f"/v2/images/{ID}"] = failing(1, (200, {}, IMAGE), **{"Retry-After": "0"})

    assert glancelite("image", "show", ID, OS_ENDPOINT=canned.url).code == 1
    assert len(canned.requests) == 1


def test_what_would_be_done_twice_is_not_tried_again(glancelite, canned, disk):
    canned.answers["POST", "/v2/images"] = failing(1, (201, {}, IMAGE), **{"Retry-After": "0"})
    created = glancelite("image", "create", "x", "--retries", "3", OS_ENDPOINT=canned.url)
    canned.answers |= {
        ("GET", f"/v2/images/{ID}"): (200, {}, IMAGE),
        ("PUT", f"/v2/images/{ID}/file"): failing(1, (204, {}, b""), **{"Retry-After": "0"}),
    }
    uploaded = glancelite("image", "upload", ID, "--file", disk, "--retries", "3", OS_ENDPOINT=canned.url)

    assert (created.code, uploaded.code) == (1, 1)
    assert [method for method, _, _ in canned.requests] == ["POST", "GET", "PUT", "GET"]


def test_a_refusal_is_not_asked_again(glancelite, canned):
    canned.answers["GET", f"/v2/images/{ID}"] = (403, {}, {"message": "no"})

    assert glancelite("image", "show", ID, "--retries", "3", OS_ENDPOINT=canned.url).code == 1
    assert len(canned.requests) == 1


def test_a_delete_whose_answer_was_lost_is_done(glancelite, canned):
    def vanish(handler):
        canned.answers["DELETE", f"/v2/images/{ID}"] = (404, {}, {"message": "There is no such image."})
        handler.close_connection = True

    canned.answers |= {("GET", f"/v2/images/{ID}"): (200, {}, IMAGE), ("DELETE", f"/v2/images/{ID}"): vanish}

    assert glancelite("image", "delete", ID, "--retries", "1", OS_ENDPOINT=canned.url).code == 0
    assert [method for method, _, _ in canned.requests] == ["GET", "DELETE", "DELETE"]


@pytest.mark.parametrize("value", ["-1", "many", "1.5"])
def test_retries_are_a_whole_number(glancelite, value):
    assert glancelite("image", "list", "--retries", value).code == 2
    assert glancelite("image", "list", GLANCELITE_RETRIES=value).code == 2


# Waiting --------------------------------------------------------------------------------------------------------------


def test_waiting_ends_with_5_after_the_time_that_was_said(glancelite, canned):
    image = IMAGE | {"status": "importing"}
    canned.answers |= {
        ("GET", f"/v2/images/{ID}"): (200, {}, image),
        ("POST", "/v2/images"): (201, {}, image),
        ("POST", f"/v2/images/{ID}/import"): (202, {}, b""),
        ("GET", f"/v2/images/{ID}/tasks"): (200, {}, {"tasks": [{"status": "processing", "message": ""}]}),
        ("GET", "/v2/info/import"): (200, {}, {"import-methods": {"value": ["web-download", "glance-direct"]}}),
    }
    uri = ["--uri", "http://example.com/x", "--wait", "--wait-timeout", "0.5"]

    imported = glancelite("image", "import", ID, "--method", "web-download", *uri, OS_ENDPOINT=canned.url)
    created = glancelite("image", "create", "x", *uri, OS_ENDPOINT=canned.url)

    assert (imported.code, created.code) == (5, 5)
    for done in (imported, created):
        assert "the import has not ended after 0.5 s; it goes on." in done.err
    assert all(method != "DELETE" for method, _, _ in canned.requests)
