"""nginx in front of uwsgi, set up as docs/howto/nginx-uwsgi.md says."""

import sys
from pathlib import Path
from typing import Self

from deployments.site import IS_ROOT, USER, Site
from harness import free_port

PLUGIN = "python{}{}".format(*sys.version_info)
MOST = int(Path("/proc/sys/net/core/somaxconn").read_text())
"""Connections that may wait on this host; uwsgi does not start with more."""
NEEDS = ("nginx", "uwsgi", f"/usr/lib/uwsgi/plugins/{PLUGIN}_plugin.so")

UWSGI = """
[uwsgi]
plugin = {plugin}
virtualenv = {place}/venv
wsgi-file = {place}/venv/etc/glancelite/wsgi/api.wsgi
uwsgi-socket = {place}/uwsgi.sock
listen = {listen}
# Only the tests talk to uwsgi without nginx.
http-socket = 127.0.0.1:{bare}
master = true
lazy-apps = true
need-app = true
processes = 1
threads = 64
enable-threads = true
die-on-term = true
{user}
"""
OWNER = f"uid = {USER}\ngid = {USER}\nchown-socket = {USER}"
NGINX = """
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
        {files}
    }}
}}
"""
HANDED_OFF = """
        location /handed-off{place}/data/{sends_from}/ {{
            internal;
            alias {place}/data/{sends_from}/;
            sendfile on;
            etag off;
            add_header ETag $upstream_http_etag;
            add_header Last-Modified $upstream_http_last_modified;
            add_header Content-MD5 $upstream_http_content_md5;
            add_header x-openstack-request-id $upstream_http_x_openstack_request_id;
        }}
"""


class NginxUwsgi(Site):
    """An nginx on loopback with a uwsgi behind it. `bare_url` is uwsgi's own HTTP, which is not for clients."""

    spools_chunked = True
    sends_files = False
    sends_from = "images"
    """The directory of data whose files nginx may send."""

    def start(self) -> Self:
        bare, outer = free_port(), free_port()
        self.url, self.bare_url = f"http://127.0.0.1:{outer}", f"http://127.0.0.1:{bare}"
        self.make_data_dir()
        names = {"place": self.place, "plugin": PLUGIN, "bare": bare, "outer": outer, "listen": min(1024, MOST)}
        uwsgi, nginx = self.place / "uwsgi.ini", self.place / "nginx.conf"
        files = HANDED_OFF.format(**names, sends_from=self.sends_from) if self.sends_files else ""
        uwsgi.write_text(UWSGI.format(**names, user=OWNER if IS_ROOT else ""))
        nginx.write_text(NGINX.format(**names, user=f"user {USER};" if IS_ROOT else "", files=files))
        options = {"GLANCELITE_SENDFILE_HEADER": "X-Accel-Redirect"} if self.sends_files else {}
        self.run(["uwsgi", "--ini", uwsgi], options)
        self.run(["nginx", "-c", nginx])
        self.wait_for(self.url)
        return self


class NginxSendingFiles(NginxUwsgi):
    """The same, where nginx sends whole images from their files itself."""

    sends_files = True
