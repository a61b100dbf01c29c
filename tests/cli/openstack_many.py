"""Run by the Python of the peer's environment: the unmodified `openstack`, many times, loaded once.

Reads a command a line, as JSON with its words, its whole environment and its folder, and answers with a line: exit code
and output. Each command has a process of its own, forked from this one, so none knows of another. Standard input is a
terminal, for `openstack` would take any other for an image's data.
"""

import json
import os
import pty
import sys
import tempfile

from openstackclient.shell import main

NOWHERE = "http://127.0.0.1:9"
LOGINS = ("--os-auth-type none", f"--os-username u --os-password p --os-auth-url {NOWHERE}/v3")


def warm_up():
    """Have the program load what it loads late, once for all: it fails, for nobody is there."""
    silent = os.open(os.devnull, os.O_WRONLY)
    kept = os.dup(2)
    os.dup2(silent, 2)
    for login in LOGINS:
        main([*login.split(), "--os-endpoint", NOWHERE, "image", "list"])
    os.dup2(kept, 2)


def run(words, environ, folder):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _, terminal = pty.openpty()
            for number, file in enumerate((terminal, out.fileno(), err.fileno())):
                os.dup2(file, number)
            code = 70  # what a traceback leaves
            try:
                os.environ.clear()
                os.environ.update(environ)
                os.chdir(folder)
                code = main(words)
            except SystemExit as end:
                code = end.code or 0
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        printed = [read(file) for file in (out, err)]
    return {"code": os.waitstatus_to_exitcode(status), "out": printed[0], "err": printed[1]}


def read(file):
    file.seek(0)
    return file.read().decode()


warm_up()
for line in sys.stdin:
    print(json.dumps(run(**json.loads(line))), flush=True)
