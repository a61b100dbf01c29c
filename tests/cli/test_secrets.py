"""Secrets that are given on the command line do not stay where every user of the host can read them."""

import socket
import subprocess
from pathlib import Path

import pytest
from harness import command, environment


@pytest.mark.parametrize("option", ["--os-password", "--os-token", "--os-auth-token"])
def test_a_secret_on_the_command_line_is_blanked_from_the_process_title(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        words = command("--os-endpoint", url, "--os-auth-type", "http_basic", "--os-username", "u", option, "hunter2")
        if option != "--os-password":
            words = command("--os-endpoint", url, "--os-auth-type", "token", option, "hunter2")
        process = subprocess.Popen([*words, "image", "list"], env=environment(), stderr=subprocess.DEVNULL)
        try:
            silent.settimeout(10)
            connection, _ = silent.accept()
            title = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            connection.close()
        finally:
            process.kill()
            process.wait()
    assert b"hunter2" not in title
    assert b"***" in title
