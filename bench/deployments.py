"""glancelite as it is deployed: `server run` on SQLite or PostgreSQL, apart, and behind nginx and uwsgi.

The last one is what docs/howto/nginx-uwsgi.md says, run by whoever runs this.
"""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.load import Client
from bench.postgres import Cluster
from bench.processes import free_port, serving
from bench.target import APART, POSTGRESQL, SHIPPED, UWSGI, NotMeasured, Target

PLUGIN = "python{}{}".format(*sys.version_info)

UWSGI_INI = """
[uwsgi]
plugin = {plugin}
virtualenv = {environment}
wsgi-file = {wsgi}
uwsgi-socket = {place}/uwsgi.sock
listen = {listen}
master = true
lazy-apps = true
need-app = true
enable-threads = true
processes = 1
threads = 64
die-on-term = true
disable-logging = true
"""

NGINX_CONF = """
daemon off;
pid {place}/nginx.pid;
error_log {place}/nginx.log;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    uwsgi_temp_path {place}/uwsgi;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    scgi_temp_path {place}/scgi;
    {server}
}}
"""

NGINX_SERVER = """
    server {{
        listen 127.0.0.1:{outer};
        client_max_body_size 0;
        tcp_nopush on;
        include /etc/nginx/uwsgi_params;
        uwsgi_param HTTP_TRANSFER_ENCODING "";
        uwsgi_buffering off;
        uwsgi_read_timeout 300s;
        error_page 418 = @chunked;
        location / {{
            if ($http_transfer_encoding) {{ return 418; }}
            uwsgi_request_buffering off;
            client_body_buffer_size 4m;
            uwsgi_pass unix:{place}/uwsgi.sock;
        }}
        location @chunked {{
            uwsgi_pass unix:{place}/uwsgi.sock;
        }}
        location /handed-off{place}/data/images/ {{
            internal;
            alias {place}/data/images/;
            sendfile on;
            etag off;
            add_header ETag $upstream_http_etag;
            add_header Last-Modified $upstream_http_last_modified;
            add_header Content-MD5 $upstream_http_content_md5;
            add_header x-openstack-request-id $upstream_http_x_openstack_request_id;
        }}
    }}
"""


@contextmanager
def shipped(place: Path, prefix: tuple[str, ...] = (), database: str = "") -> Iterator[Target]:
    """`glancelite server run`, with the callers' names believed; `prefix` is put in front of its command."""
    options = {"GLANCELITE_DATABASE_CONNECTION": database} if database else {}
    with _daemon(place, "all", ("--auth", "trusted"), prefix, options) as (port, pid):
        yield Target(SHIPPED, port, (pid,), database or _sqlite(place), place, (pid,))


@contextmanager
def on_postgresql(place: Path, cluster: Cluster) -> Iterator[Target]:
    """`glancelite server run` with its database on this server."""
    with shipped(place, database=cluster.new_database()) as target:
        yield Target(
            POSTGRESQL, target.port, (*target.roots, cluster.pid), target.database, place, target.service_roots
        )


@contextmanager
def apart(place: Path) -> Iterator[Target]:
    """The API and the registry as two daemons."""
    with ExitStack() as stack:
        registry, first = stack.enter_context(_daemon(place, "registry", ()))
        words = ("--auth", "trusted", "--registry", f"http://127.0.0.1:{registry}")
        port, second = stack.enter_context(_daemon(place, "api", words))
        yield Target(APART, port, (first, second), _sqlite(place), place, (first, second))


@contextmanager
def behind_nginx(place: Path, prefix: tuple[str, ...] = (), front_prefix: tuple[str, ...] = ()) -> Iterator[Target]:
    """nginx in front of uwsgi; a prefix is put in front of the command of either."""
    require_nginx()
    require_uwsgi()
    outer = free_port()
    wsgi = Path(__file__).parents[1] / "etc/wsgi/api.wsgi"
    listen = min(1024, int(Path("/proc/sys/net/core/somaxconn").read_text()))
    names = {"plugin": PLUGIN, "environment": sys.prefix, "wsgi": wsgi, "place": place, "listen": listen}
    (place / "uwsgi.ini").write_text(UWSGI_INI.format(**names))
    write_nginx(place, NGINX_SERVER.format(outer=outer, place=place))
    options = {
        "GLANCELITE_DATA_DIR": str(place / "data"),
        "GLANCELITE_PASTE_DEPLOY_FLAVOR": "trusted",
        "GLANCELITE_SENDFILE_HEADER": "X-Accel-Redirect",
    }
    with (
        serving([*front_prefix, "nginx", "-c", place / "nginx.conf"], place / "nginx.out", lambda: None) as front,
        serving([*prefix, "uwsgi", "--ini", place / "uwsgi.ini"], place / "uwsgi.log", answers(outer), options) as back,
    ):
        yield Target(UWSGI, outer, (front, back), _sqlite(place), place, (back,))


def write_nginx(place: Path, server: str) -> None:
    """Write the configuration of an nginx with this server in it."""
    user = "user root;" if os.geteuid() == 0 else ""
    (place / "nginx.conf").write_text(NGINX_CONF.format(place=place, user=user, server=server))


def require_nginx() -> None:
    if shutil.which("nginx") is None:
        raise NotMeasured("nginx is not installed")


def require_uwsgi() -> None:
    if shutil.which("uwsgi") is None:
        raise NotMeasured("uwsgi is not installed")
    if not Path(f"/usr/lib/uwsgi/plugins/{PLUGIN}_plugin.so").exists():
        raise NotMeasured(f"uwsgi's plugin {PLUGIN} is not installed")


def answers(port: int) -> Callable[[], None]:
    """Asks whether there is an Image API on this port."""

    def ask() -> None:
        client = Client(port)
        try:
            client.get("/v2/images?limit=1")
        finally:
            client.close()

    return ask


@contextmanager
def _daemon(
    place: Path,
    role: str,
    arguments: tuple[str, ...],
    prefix: tuple[str, ...] = (),
    options: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, int]]:
    port = free_port()
    program = str(Path(sys.executable).with_name("glancelite"))
    words = [*prefix, program, "server", "run", role, "--bind", f"127.0.0.1:{port}", *arguments]
    is_ready = _listens(port) if role == "registry" else answers(port)
    with serving([*words, "--data-dir", place / "data"], place / f"{role}.log", is_ready, options) as pid:
        yield port, pid


def _listens(port: int) -> Callable[[], None]:
    return lambda: socket.create_connection(("127.0.0.1", port), 1).close()


def _sqlite(place: Path) -> str:
    return str(place / "data/glancelite.sqlite")
