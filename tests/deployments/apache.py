"""Apache with mod_wsgi, set up as docs/howto/mod_wsgi.md says."""

import sys
from pathlib import Path
from typing import Self

from deployments.site import IS_ROOT, USER, Site
from harness import free_port

MODULES = Path("/usr/lib/apache2/modules")
NEEDS = ("apache2", "{}/mod_wsgi.so-{}.{}".format(MODULES, *sys.version_info))
"""mod_wsgi is built for one version of Python, which must be this one's: it loads this one's compiled packages."""
NEEDS_FOR_FILES = (*NEEDS, f"{MODULES}/mod_xsendfile.so")

PREAMBLE = """
ServerRoot {place}
ServerName localhost
PidFile {place}/apache.pid
ErrorLog {place}/error.log
DefaultRuntimeDir {place}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGISocketPrefix {place}/wsgi
<Directory {place}/venv/etc/glancelite/wsgi>
    Require all granted
</Directory>
"""
APP = """
Listen 127.0.0.1:{port}
<VirtualHost 127.0.0.1:{port}>
    WSGIDaemonProcess {role} {user} processes=2 threads=32 python-home={place}/venv
    WSGIScriptAlias / {place}/venv/etc/glancelite/wsgi/{role}.wsgi process-group={role} application-group=%{{GLOBAL}}
    {switches}
    CustomLog {place}/{role}.log "%r %>s"
</VirtualHost>
"""


SENDING_FILES = """
LoadModule xsendfile_module {modules}/mod_xsendfile.so
XSendFile on
XSendFilePath {place}/data/{sends_from}
"""


class Apache(Site):
    """An Apache on loopback that serves the API, or the registry and an API that asks it, each on a port of its own."""

    sends_files = False
    sends_from = "images"
    """The directory of data whose files Apache may send."""

    def __init__(
        self,
        place: Path,
        *,
        is_apart: bool = False,
        flavor: str = "trusted",
        switches: tuple[str, ...] = ("WSGIChunkedRequest On", "WSGIPassAuthorization On"),
    ) -> None:
        super().__init__(place, flavor)
        self.switches = switches
        self.ports = {role: free_port() for role in (("registry", "api") if is_apart else ("api",))}
        self.url = f"http://127.0.0.1:{self.ports['api']}"

    def start(self) -> Self:
        config = self.place / "apache.conf"
        config.write_text(self._config())
        self.make_data_dir()
        registry = self.ports.get("registry")
        options = {"GLANCELITE_REGISTRY_LOCATION": f"http://127.0.0.1:{registry}"} if registry else {}
        options |= {"GLANCELITE_SENDFILE_HEADER": "X-Sendfile"} if self.sends_files else {}
        self.run(["apache2", "-DFOREGROUND", "-f", config], options)
        for port in self.ports.values():
            self.wait_for(f"http://127.0.0.1:{port}")
        return self

    def _config(self) -> str:
        text = PREAMBLE.format(place=self.place, modules=MODULES)
        if self.sends_files:
            text += SENDING_FILES.format(place=self.place, modules=MODULES, sends_from=self.sends_from)
        if IS_ROOT:
            text += f"User {USER}\nGroup {USER}\n"
        user = f"user={USER} group={USER}" if IS_ROOT else ""
        for role, port in self.ports.items():
            switches = "\n    ".join(self.switches)
            text += APP.format(place=self.place, role=role, port=port, user=user, switches=switches)
        return text


class ApacheSendingFiles(Apache):
    """The same, where Apache sends whole images from their files itself."""

    sends_files = True
