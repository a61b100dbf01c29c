"""Run by a Python that has python-openstackclient: the unmodified `openstack`, many times, loaded once.

Reads a command a line, as a JSON list of words, and answers with a line: its exit code, what it printed, and what it
asked of whom. Each command has a process of its own, forked from this one, so none knows of another.
"""

import json
import os
import pty
import re
import sys
import tempfile

from openstackclient.shell import main

ASKED = re.compile(r'^(http\S+) "(\S+) (\S+) HTTP/1\.1" (\d+)', re.MULTILINE)
"""How urllib3 logs a request that was answered, which `--debug` shows."""

NOWHERE = "http://127.0.0.1:9"
LOGINS = ("--os-auth-type admin_token --os-token t", f"--os-username u --os-password p --os-auth-url {NOWHERE}/v3")


def warm_up():
    """Have the program load what it loads late, once for all: it fails, for nobody is there."""
    for login in LOGINS:
        main([*login.split(), "--os-endpoint", NOWHERE, "image", "list"])


def run(words):
    """In a new process, at a terminal: `openstack` would take any other standard input for the image's data."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _, terminal = pty.openpty()
            for number, file in enumerate((terminal, out.fileno(), err.fileno())):
                os.dup2(file, number)
            code = 70  # what a traceback leaves
            try:
                code = main(["--debug", *words])
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        printed = [_read(file) for file in (out, err)]
    asked = [(host, method, path, int(code)) for host, method, path, code in ASKED.findall(printed[1])]
    return {"code": os.waitstatus_to_exitcode(status), "out": printed[0], "err": printed[1], "asked": asked}


def _read(file):
    file.seek(0)
    return file.read().decode()


warm_up()
for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
