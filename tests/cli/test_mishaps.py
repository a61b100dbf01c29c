"""What goes wrong outside the service is a line too, never a traceback."""

import os
import subprocess
from pathlib import Path

import pytest
from harness import command, environment


@pytest.mark.parametrize("url", ["http://[bad", "http://x:99999", "ftp://x"])
def test_an_endpoint_that_is_no_url_is_said(url: str) -> None:
    done = subprocess.run(
        command("image", "list"), env=environment({"OS_AUTH_TYPE": "none", "OS_ENDPOINT": url}),
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_a_name_that_is_no_text_names_no_image(endpoint: str) -> None:
    given = environment({"OS_AUTH_TYPE": "none", "OS_ENDPOINT": endpoint})
    words = [*map(os.fsencode, command("image", "show")), b"n\xff"]
    done = subprocess.run(words, env=given, capture_output=True, timeout=30, check=False)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_output_that_cannot_be_written_is_said(endpoint: str) -> None:
    given = environment({"OS_AUTH_TYPE": "none", "OS_ENDPOINT": endpoint})
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("image", "list"), env=given, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    assert (done.returncode, done.stderr) == (1, "Error: Cannot write the output: No space left on device.\n")
