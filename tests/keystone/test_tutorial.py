"""The tutorial with Keystone, and Nova's own module for images, with a real Keystone."""

import uuid
from pathlib import Path

import console
import pytest
from clients.cloud import HERE, client
from console import ROOT
from keystone_server import Keystone, install

from .conftest import PASSWORD, Cast, grant
from .test_cli import PEER, alone, runner

PAGES = [page for page in ROOT.glob("docs/**/*.md") if f"127.0.0.1:{console.KEYSTONE}" in page.read_text()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_with_keystone_do_what_it_says(page: Path, tmp_path: Path) -> None:
    keystone = Keystone(tmp_path / "keystone", install()).create().start()
    try:
        admin = keystone.make("user", name="admin", password="admin-secret", domain_id="default")
        grant(keystone, admin, "admin", "admin")
        (tmp_path / "home").mkdir()

        ports = {console.KEYSTONE: keystone.port}
        console.check(page, tmp_path / "home", ports, programs=(client("openstack", PEER),), seconds=500)
    finally:
        keystone.stop()


def test_novas_module_for_images_snapshots_and_boots_with_tokens_of_keystone(
    cast: Cast, keystone: Keystone, name: str, tmp_path: Path
) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(uuid.uuid4().bytes * 65536)
    python = client("nova", "nova==34.0.0") / "python"
    variables = {"IMAGE_ENDPOINT": cast.url, "PASSWORD": PASSWORD}
    for who, user, project in (("OWNER", "owner", "home"), ("PARTNER", "foreign", "abroad")):
        variables |= {f"{who}_TOKEN": cast.token(user), f"{who}_PROJECT": keystone.find("project", project)}

    done = runner(alone(python), tmp_path)(HERE / "programs/nova_images.py", name, disk, **variables)

    assert (done.code, done.out) == (0, "done\n"), done.err
