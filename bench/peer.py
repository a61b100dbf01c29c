"""Glance, to compare with: uwsgi with two processes, the file store, PostgreSQL; who asks is believed by headers.

Installed by `make bench-peer` into an environment of its own. Its own pipeline `keystone` is taken, without the filter
that would ask Keystone about tokens: the next one believes the headers which that filter sets.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.deployments import PLUGIN, answers, require_uwsgi
from bench.postgres import Cluster
from bench.processes import free_port, run, serving
from bench.target import GLANCE, NotMeasured, Target

PEER = Path(__file__).parents[1] / ".cache/bench/peer"

CONF = """
[DEFAULT]
log_file = {place}/glance.log
enabled_backends = first:file
worker_self_reference_url = http://127.0.0.1:{port}
[glance_store]
default_backend = first
[first]
filesystem_store_datadir = {place}/images
[os_glance_staging_store]
filesystem_store_datadir = {place}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {place}/tasks
[database]
connection = {driver}
[paste_deploy]
flavor = keystone
config_file = {place}/glance-api-paste.ini
"""

UWSGI_INI = """
[uwsgi]
plugin = {plugin}
virtualenv = {environment}
module = glance.wsgi.api:application
http-socket = 127.0.0.1:{port}
chunked-input-limit = 4194304
buffer-size = 65535
master = true
lazy-apps = true
need-app = true
enable-threads = true
processes = 2
die-on-term = true
disable-logging = true
env = OS_GLANCE_CONFIG_DIR={place}
"""


@contextmanager
def glance(place: Path, cluster: Cluster) -> Iterator[Target]:
    """A Glance of one's own, on this database server."""
    require_glance()
    require_uwsgi()
    port, database = free_port(), cluster.new_database()
    driver = database.replace("postgresql:", "postgresql+psycopg2:")
    names = {"place": place, "port": port, "driver": driver, "plugin": PLUGIN, "environment": PEER}
    for name in ("images", "staging", "tasks"):
        (place / name).mkdir()
    pipelines = (PEER / "etc/glance/glance-api-paste.ini").read_text()
    (place / "glance-api-paste.ini").write_text(pipelines.replace(" authtoken context ", " context "))
    (place / "glance-api.conf").write_text(CONF.format(**names))
    (place / "uwsgi.ini").write_text(UWSGI_INI.format(**names))
    run([PEER / "bin/glance-manage", "--config-file", place / "glance-api.conf", "db", "sync"], cwd=place)
    with serving(["uwsgi", "--ini", place / "uwsgi.ini"], place / "uwsgi.log", answers(port)) as pid:
        yield Target(GLANCE, port, (pid, cluster.pid), database, place)


def require_glance() -> None:
    if not (PEER / "bin/glance-manage").exists():
        raise NotMeasured("Glance is not installed: run make bench-peer")
