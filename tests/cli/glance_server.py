"""A real Glance 33 for tests: installed once into an environment of its own, run on loopback with SQLite and two file
stores. Whoever asks is an administrator, as in our pipeline `none`: its own pipeline `keystone` is taken without the
filter that would ask Keystone, and the headers that filter sets are set here.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3
from environments import CACHE, environment_of
from harness import free_port

PINNED = ("glance==33.0.0", "gunicorn==27.0.1")
START_SECONDS = 120
EMPTY, DATABASE = "empty.sqlite", "glance.sqlite"

CONFIG = """\
[DEFAULT]
log_file = {folder}/glance.log
enabled_backends = fast:file,slow:file
worker_self_reference_url = http://127.0.0.1:{port}
show_multiple_locations = {shows_locations}
enabled_import_methods = [glance-direct,web-download,copy-image]
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {folder}/fast
[slow]
filesystem_store_datadir = {folder}/slow
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[database]
connection = sqlite:///{folder}/glance.sqlite?timeout=60
[paste_deploy]
flavor = keystone
config_file = {folder}/glance-api-paste.ini
[import_filtering_opts]
allowed_ports = []
"""

APPLICATION = """\
from glance.wsgi.api import application as glance

WHO = {
    "HTTP_X_IDENTITY_STATUS": "Confirmed", "HTTP_X_USER_ID": "somebody", "HTTP_X_PROJECT_ID": "everybody",
    "HTTP_X_ROLES": "admin,member,reader,service",
}


def application(environ, start_response):
    return glance({**environ, **WHO}, start_response)
"""

SERVER = """\
wsgi_app = "believing:application"
bind = "127.0.0.1:{port}"
threads = 8
control_socket_disable = True
"""


def _make_database(environment: Path) -> None:
    """An empty one, to be copied: making one takes longer than most of what tests do with it."""
    config = environment / "empty.conf"
    config.write_text(f"[database]\nconnection = sqlite:///{environment / EMPTY}\n")
    words = [environment / "bin/glance-manage", "--config-file", config, "db", "sync"]
    subprocess.run(words, check=True, capture_output=True)


@contextmanager
def running_glance(folder: Path, shows_locations: bool = False) -> Iterator[str]:
    """The URL of a Glance of one's own."""
    environment, port = environment_of(CACHE / "glance", *PINNED, finish=_make_database).parent, free_port()
    folder.mkdir(parents=True)
    shutil.copy(environment / EMPTY, folder / DATABASE)
    for name in ("fast", "slow", "staging", "tasks"):
        (folder / name).mkdir()
    pipelines = (environment / "etc/glance/glance-api-paste.ini").read_text()
    (folder / "glance-api-paste.ini").write_text(pipelines.replace(" authtoken context ", " context "))
    (folder / "glance-api.conf").write_text(CONFIG.format(folder=folder, port=port, shows_locations=shows_locations))
    (folder / "believing.py").write_text(APPLICATION)
    (folder / "server.py").write_text(SERVER.format(port=port))
    words = [environment / "bin/gunicorn", "--config", folder / "server.py", "--chdir", folder]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "OS_GLANCE_CONFIG_DIR": str(folder)}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(words, env=environ, stdout=log, stderr=log)
    try:
        _wait(process, port, folder / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if urllib3.request("GET", f"http://127.0.0.1:{port}/v2/images", retries=False).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"Glance did not start:\n{log.read_text()}")
