"""Starts services, each in a process forked from this one, which has loaded what they load: `many_services.py SOCKET`.

Each message on the socket is a command to start, as JSON with its words, its environment and its folder, and with the
files of its output and its errors. Answers are `{"pid": …}` once it is a process of its own, and
`{"pid": …, "code": …}` when that ended.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from pathlib import Path

import glancelite.cli

for module in ("cli.host.serve", "deploy", "server.worker", "api.app", "registry.app"):
    importlib.import_module(f"glancelite.{module}")
gc.collect()
gc.freeze()  # who is forked has the less to look through


def serve(control):
    ended, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([control, ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            tell_ends(control)
        if control in ready:
            message, files, _, _ = socket.recv_fds(control, 1 << 20, 2)
            if not message:
                sys.exit()
            if os.fork() == 0:
                return json.loads(message), files, (control, ended, wakes)
            for file in files:
                os.close(file)


def tell_ends(control):
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        control.send(json.dumps({"pid": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


def become(order, files, others):
    """Be the service from here on: in a session, an environment and a folder of its own."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), *files)):
        os.dup2(file, number)
    control, *pipe = others
    control.send(json.dumps({"pid": os.getpid()}).encode())
    control.close()
    for file in (*pipe, *files):
        os.close(file)
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["folder"])
    run(*order["words"])


def run(script, *words):
    if script == "-m":
        sys.argv[1:] = words[1:]
        glancelite.cli.main()
    sys.argv[:] = [script, *words]
    sys.path[0] = str(Path(script).parent)
    runpy.run_path(script, run_name="__main__")


become(*serve(socket.socket(fileno=int(sys.argv[1]))))
