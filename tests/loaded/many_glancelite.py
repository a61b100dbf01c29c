"""Our own command, many times, with all of its modules loaded. Standard input is nothing."""

import importlib
import os
import pkgutil

from many import serve

import glancelite.cli
import glancelite.client
from glancelite.cli import main

for package in (glancelite.cli, glancelite.client):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
for name in ("urllib3", "keystoneauth1.session", "keystoneauth1.identity"):
    importlib.import_module(name)

serve(main, lambda: os.open(os.devnull, os.O_RDONLY))
