"""Ctrl-C while data is on its way to the service: what was begun is taken back."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest
from cli.sending import PATH, Wrong, ids, show
from harness import command

from glancelite.cli.interrupts import taken_back
from glancelite.client.digest import Hashing


def start_upload(environ, tmp_path, name, *more):
    """A create whose data has begun to come; it, and the end of its pipe."""
    reader, writer = os.pipe()
    words = command("image", "create", name, *more)
    process = subprocess.Popen(words, stdin=reader, stderr=subprocess.PIPE, env=environ, cwd=tmp_path)
    os.close(reader)
    for _ in range(40):
        os.write(writer, os.urandom(1 << 16))
    return process, writer


def press(started):
    """Press Ctrl-C on what is in it, or will be: it may speak before we know of it."""
    while not started:
        time.sleep(0.01)
    os.kill(started[0].pid, signal.SIGINT)


def hanging(started):
    """Answers nothing to what it presses Ctrl-C on."""

    def hang(handler):
        press(started)
        time.sleep(1)
        handler.close_connection = True

    return hang


def run_pressed(canned, started, environ, cwd, *words):
    """Run it against a canned service that presses Ctrl-C on what is in `started`; it, and what it said on stderr."""
    with subprocess.Popen(
        command(*words), env=environ | {"OS_ENDPOINT": canned.url}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        cwd=cwd,
    ) as process:  # fmt: skip
        started.append(process)
        return process, process.communicate(timeout=20)[1]


def wait_for(glancelite, name, status):
    deadline = time.monotonic() + 20
    while glancelite("image", "list", "--name", name, "-f", "value", "-c", "Status").out != f"{status}\n":
        assert time.monotonic() < deadline


@pytest.mark.parametrize("more", [[], ["--protected", "--progress"]], ids=["plain", "protected"])
def test_ctrl_c_in_the_middle_of_an_upload_leaves_nothing(environ, glancelite, name, tmp_path, more):
    process, writer = start_upload(environ, tmp_path, name, *more)
    wait_for(glancelite, name, "saving")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    os.close(writer)

    assert (process.returncode, b"interrupted. The image was deleted again." in err) == (130, True)
    assert b"Traceback" not in err
    assert ids(glancelite, name) == []


def test_a_second_ctrl_c_does_not_stop_the_cleaning_up(environ, canned, disk, tmp_path):
    """The service is slow to say what became of the image; Ctrl-C is pressed again meanwhile."""
    service = Wrong(canned)
    started: list = []

    def answer_late(handler):
        press(started)
        time.sleep(0.3)
        handler.say(200, {}, service.image)

    canned.answers |= {("PUT", f"{PATH}/file"): hanging(started), ("GET", PATH): answer_late}
    process, err = run_pressed(canned, started, environ, tmp_path, "image", "create", "x", "--file", str(disk))

    assert process.returncode == 130, err
    assert b"Ctrl-C once more leaves it as it is." in err
    assert b"The image was deleted again." in err
    assert b"Traceback" not in err
    assert service.asked[-1] == ("DELETE", PATH)


def test_an_image_that_a_service_cannot_delete_yet_is_deleted_a_moment_later(environ, canned, disk, tmp_path):
    service = Wrong(canned)
    started: list = []

    def err(handler):
        canned.answers["DELETE", PATH] = (204, {}, b"")
        handler.say(500, {}, b"The server has either erred or is incapable of performing the requested operation.")

    canned.answers |= {("PUT", f"{PATH}/file"): hanging(started), ("DELETE", PATH): err}
    process, said = run_pressed(canned, started, environ, tmp_path, "image", "create", "x", "--file", str(disk))

    assert (process.returncode, b"interrupted. The image was deleted again." in said) == (130, True), said
    assert service.asked[-2:] == [("DELETE", PATH)] * 2


def test_a_third_ctrl_c_is_obeyed_without_a_traceback(environ, canned, disk, tmp_path):
    service = Wrong(canned)
    started: list = []

    def press_twice(handler):
        press(started)
        time.sleep(0.5)
        if handler.command == "GET":
            press(started)
        handler.close_connection = True

    canned.answers |= {("PUT", f"{PATH}/file"): press_twice, ("GET", PATH): press_twice}
    process, err = run_pressed(canned, started, environ, tmp_path, "image", "create", "x", "--file", str(disk))

    assert (process.returncode, b"Traceback" in err) == (130, False), err.decode()
    assert ("DELETE", PATH) not in service.asked


def test_a_ctrl_c_in_a_destructor_is_not_lost():
    class Dropped:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt), taken_back():
        Dropped()
        time.sleep(5)


def test_ctrl_c_while_the_hashing_begins_leaves_nothing_to_wait_for(monkeypatch):
    def interrupted(thread):
        raise KeyboardInterrupt

    hashing = Hashing("sha512")
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        hashing.update(b"a piece")

    hashing.finish()


@pytest.mark.parametrize("answers", [[204], [404, 204], [500, 204]], ids=["made", "made-a-moment-later", "not-yet"])
def test_ctrl_c_before_the_answer_to_the_creation_leaves_nothing(environ, canned, tmp_path, answers):
    """The id was chosen here: what came of a request whose answer was not waited for is deleted by it."""
    started, left = [], list(answers)

    def make(handler):
        image = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        canned.answers["DELETE", f"/v2/images/{image['id']}"] = lambda other: other.say(left.pop(0), {}, b"")
        press(started)
        time.sleep(1)
        handler.close_connection = True

    canned.answers["POST", "/v2/images"] = make
    process, err = run_pressed(canned, started, environ, tmp_path, "image", "create", "x")

    assert (process.returncode, left) == (130, [])
    assert err.strip() == b"Cannot create image 'x': interrupted. The image was deleted again."


def test_ctrl_c_in_the_upload_to_an_image_that_was_there_leaves_it_without_data(environ, glancelite, queued, tmp_path):
    reader, writer = os.pipe()
    process = subprocess.Popen(
        command("image", "upload", queued), stdin=reader, stderr=subprocess.PIPE, env=environ, cwd=tmp_path
    )
    os.close(reader)
    for _ in range(40):
        os.write(writer, os.urandom(1 << 16))
    deadline = time.monotonic() + 20
    while show(glancelite, queued)["status"] != "saving":
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    os.close(writer)

    assert (process.returncode, b"interrupted. The image is " in err) == (130, True)
    while show(glancelite, queued)["status"] != "queued":
        assert time.monotonic() < deadline + 20
