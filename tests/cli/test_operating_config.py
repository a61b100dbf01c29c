"""`glancelite config` makes files to begin with, says all that is wrong with one, and reads Glance's."""

import json
import re
import stat
from pathlib import Path

import pytest
from harness import Daemon, Service, free_port
from operating import run

from glancelite import config
from glancelite.deploy import load_config, more_options

GLANCE = """
# How a mid-sized site runs its image service.
[DEFAULT]
debug = true
log_file = /var/log/glance/api.log
bind_host = 127.0.0.1
bind_port = {port}
workers = 2
show_image_direct_url = True
show_multiple_locations : no
image_size_cap = 2199023255552
user_storage_quota = "200GB"
hashing_algorithm = sha256
enabled_backends = fast:file, archive:rbd,
    web:http
enabled_import_methods = [glance-direct,web-download,carrier-pigeon]
image_property_quota = $quota
quota = 64
transport_url = rabbit://glance:hidden-rabbit@mq.example.org
image_cache_dir = /var/lib/glance/cache
node_staging_uri = file:///var/lib/glance/staging
use_keystone_limits = false
disk_formats = raw,qcow2,iso

[glance_store]
default_backend = archive

[fast]
store_description = "NVMe in rack 4"
weight = 10
filesystem_store_datadir = /var/lib/glance/images

[archive]
rbd_store_pool = images
rbd_store_user = glance

[web]
https_insecure = false

[database]
connection = mysql+pymysql://glance:hidden-database@db.example.org/glance
max_retries = -1

[keystone_authtoken]
auth_uri = https://keystone.example.org/v3
auth_url = https://keystone.example.org:5000/v3
memcached_servers = mc1.example.org:11211,mc2.example.org:11211
auth_type = password
admin_user = glance
password = hidden-keystone
service_token_roles = service
service_token_roles = operator
certfile = /etc/ssl/glance.pem

[paste_deploy]
flavor = {flavor}

[oslo_policy]
policy_file = site.yaml
enforce_scope = true

[image_import_opts]
image_import_plugins = [no_op, inject_image_metadata]

[inject_metadata_properties]
ignore_user_roles = admin
inject = imported:yes,site:lab

[import_filtering_opts]
allowed_ports = [80,443,8080]

[cors]
allowed_origin = https://dashboard.example.org

[oslo_middleware]
enable_proxy_headers_parsing = true

[taskflow_executor]
max_workers = 5

[oslo_messaging_notifications]
driver = messagingv2
"""


@pytest.fixture
def glance(tmp_path: Path) -> Path:
    folder = tmp_path / "glance"
    folder.mkdir()
    (folder / "site.yaml").write_text('publicize_image: "role:publisher or rule:context_is_admin"\n')
    file = folder / "glance-api.conf"
    file.write_text(GLANCE.format(port=free_port(), flavor="keystone+cachemanagement"))
    return file


def test_what_glance_had_is_taken_and_config_check_accepts_it(glance: Path, tmp_path: Path) -> None:
    new = tmp_path / "glancelite.conf"
    done = run("config", "import-glance", glance, "--output", new, "--data-dir", tmp_path / "data")
    assert (done.returncode, done.stdout) == (0, "")
    assert "does not start" not in done.stderr
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    checked = run("config", "check", "--config", new)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "ok\n", "")

    found = load_config(new, {"HOME": "/nonexistent"})

    assert found["image_size_cap"] == 2 << 40
    assert found["user_storage_quota"] == 200 << 30
    assert (found["hashing_algorithm"], found["show_image_direct_url"], found["show_multiple_locations"]) == (
        "sha256", True, False,
    )  # fmt: skip
    assert found["image_property_quota"] == 64
    assert found["enabled_backends"] == ("fast:file", "web:http")
    assert (found["glance_store.default_backend"], found["fast.weight"]) == ("fast", 10)
    assert found["fast.store_description"] == "NVMe in rack 4"
    assert found["enabled_import_methods"] == ("glance-direct", "web-download")
    assert found["image_format.disk_formats"] == ("raw", "qcow2", "iso")
    assert found["keystone_authtoken.www_authenticate_uri"] == "https://keystone.example.org/v3"
    assert (found["keystone_authtoken.username"], found["keystone_authtoken.password"]) == ("glance", "hidden-keystone")
    assert found["keystone_authtoken.service_token_roles"] == ("service", "operator")
    assert (found["paste_deploy.flavor"], found["server.workers"]) == ("keystone", 2)
    assert found["oslo_policy.policy_file"] == str(glance.parent / "site.yaml")
    assert found["image_import_opts.image_import_plugins"] == ("no_op", "inject_image_metadata")
    assert found["import_filtering_opts.allowed_ports"] == ("80", "443", "8080")


def test_what_somebody_must_decide_is_said_and_not_taken(glance: Path, tmp_path: Path) -> None:
    done = run("config", "import-glance", glance)
    decisions = done.stderr.partition("To be decided")[2]
    for key in (
        "[database] connection", "[fast] filesystem_store_datadir", "[DEFAULT] data_dir",
        "[glance_store] default_backend: it was 'archive'", "store 'archive' is left out",
        "[DEFAULT] enabled_import_methods: there is no carrier-pigeon",
        "[cors] allowed_origin: set it in [filter:cors]",
        "[oslo_middleware] enable_proxy_headers_parsing: set it in [filter:proxy_headers]",
    ):  # fmt: skip
        assert key in decisions, key
    assert "/var/lib/glance/images" not in re.sub(r"^#.*$", "", done.stdout, flags=re.M)
    assert "db.example.org" not in done.stdout + done.stderr
    dropped = done.stderr.partition("Without a counterpart")[2].partition("To be decided")[0]
    for key in (
        "[DEFAULT] log_file: everything is logged", "[DEFAULT] image_cache_dir: images are not cached",
        "[archive] rbd_store_pool: the driver", "[taskflow_executor] max_workers: tasks have",
        "[oslo_messaging_notifications] driver: no notifications", "[DEFAULT] quota: there is no such",
    ):  # fmt: skip
        assert key in dropped, key
    assert "hidden-" not in done.stderr
    assert "[keystone_authtoken] username (was [keystone_authtoken] admin_user)" in done.stderr


def test_the_service_starts_with_what_was_made(glance: Path, tmp_path: Path) -> None:
    port = free_port()
    glance.write_text(GLANCE.format(port=port, flavor=""))
    new = tmp_path / "glancelite.conf"
    done = run("config", "import-glance", glance, "-o", new, "--data-dir", tmp_path / "data")
    assert "believes everybody" in done.stderr
    service = Service((Daemon("all", tmp_path / "data", ("--config", str(new)), port=port),))
    service.data_dir.mkdir()
    service.start()
    try:
        endpoint = {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": service.url}
        disk = tmp_path / "disk"
        disk.write_bytes(b"x" * 1000)
        made = run("image", "create", "one", "--file", disk, "--disk-format", "raw", "-f", "json", **endpoint)
        assert made.returncode == 0, made.stderr
        assert json.loads(made.stdout)["properties"]["os_hash_algo"] == "sha256"
    finally:
        service.stop()
    assert any((tmp_path / "data/stores/fast").iterdir())


def test_a_single_store_of_another_driver_becomes_a_file_store_with_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "glance-api.conf"
    file.write_text("[glance_store]\nstores = file,http,swift\ndefault_store = swift\n")
    done = run("config", "import-glance", file)
    assert "[glance_store] default_store: there is no driver 'swift'" in done.stderr
    assert "stores = file,http\n" in done.stdout
    assert "[paste_deploy] flavor: Glance's ''" in done.stderr


def test_words_of_glance_that_are_spelt_otherwise_here_are_understood(tmp_path: Path) -> None:
    file = tmp_path / "glance-api.conf"
    (tmp_path / "policy.yaml").write_text('modify_image: "role:editor"\n')
    (tmp_path / "policy.d").mkdir()
    file.write_text(
        "[keystone_authtoken]\nuser_domain_id = default\nproject_domain_id = d7f1\npassword = a$$b\\$c\n"
        "username = $base\nbase = glance\n[DEFAULT]\nbase = other\npublic_endpoint = ${keystone_authtoken.base}\n"
        "[oslo_limit]\npassword = hid$den\n"
    )
    done = run("config", "import-glance", file)
    for line in ("password = a$b$c", "username = glance", "public_endpoint = glance", "user_domain_name = Default",
                 f"policy_file = {tmp_path}/policy.yaml", f"policy_dirs = {tmp_path}/policy.d"):  # fmt: skip
        assert f"\n{line}\n" in done.stdout
    assert "set [keystone_authtoken] project_domain_name" in done.stderr
    assert "[oslo_limit] password: it refers by $NAME" in done.stderr
    assert "hid" not in done.stdout + done.stderr


def test_rules_that_are_not_understood_are_told_beforehand(tmp_path: Path) -> None:
    file = tmp_path / "glance-api.conf"
    (tmp_path / "policy.yaml").write_text('modify_image: "rule:of_nobody"\n')
    file.write_text("[DEFAULT]\n")
    done = run("config", "import-glance", file)
    assert "the service does not start with this yet: Policy rule 'modify_image'" in done.stderr


def test_a_later_file_counts_more_and_nothing_is_written_over(tmp_path: Path) -> None:
    first, second = tmp_path / "a.conf", tmp_path / "b.conf"
    first.write_text("[DEFAULT]\nimage_tag_quota = 1\nimage_member_quota = many\n")
    second.write_text("[DEFAULT]\nimage_tag_quota = 2\n")
    done = run("config", "import-glance", first, second)
    assert ("image_tag_quota = 2\n" in done.stdout, "image_member_quota" in done.stdout.replace("# DECIDE", "")) == (
        True, True,
    )  # fmt: skip
    assert "image_member_quota (from here) is 'many', but a whole number is expected" in done.stderr
    kept = run("config", "import-glance", first, "--output", second)
    assert (kept.returncode, "is not written over" in kept.stderr) == (1, True)
    assert second.read_text() == "[DEFAULT]\nimage_tag_quota = 2\n"


@pytest.mark.parametrize("content", ["[DEFAULT]\nno option at all\n", None])
def test_what_is_no_configuration_is_an_error(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "glance-api.conf"
    if content is not None:
        file.write_text(content)
    done = run("config", "import-glance", file)
    assert (done.returncode, done.stdout, "Error: " in done.stderr) == (1, "", True)


def test_a_fresh_file_has_every_option_in_a_comment_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "glancelite.conf"
    assert run("config", "init", "--output", file).returncode == 0
    text = file.read_text()
    for option in (*config.OPTIONS, *more_options()):
        assert f"\n# {option.name} =" in text
    assert run("config", "check", "--config", file).stdout == "ok\n"
    plain = load_config(None, {"HOME": "/x"}).values
    assert load_config(file, {"HOME": "/x"}).values == plain
    assert run("config", "init").stdout == text
    assert run("config", "init", "--output", file).returncode == 1
    with_place = run("config", "init", "--data-dir", tmp_path / "data").stdout
    assert f"\ndata_dir = {tmp_path}/data\n" in with_place


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "wrong.conf"
    file.write_text("[server]\nworker = 2\nthreads = many\n[sever]\nbind = x\n")
    done = run("config", "check", "--config", file)
    assert done.returncode == 1
    assert "[server] worker: there is no such option. Did you mean [server] workers?" in done.stderr
    assert "[server] threads" in done.stderr and "a whole number is expected" in done.stderr
    assert "[sever] bind: there is no such option. Did you mean [server] bind?" in done.stderr
    missing = run("config", "check", "--config", tmp_path / "none.conf")
    assert (missing.returncode, "No such file" in missing.stderr) == (1, True)


def test_options_are_shown_with_their_sources_for_programs_too(tmp_path: Path) -> None:
    env = {"GLANCELITE_SERVER_WORKERS": "3", "GLANCELITE_REGISTRY_KEY": "hidden"}
    rows = json.loads(run("config", "show", "-f", "json", **env).stdout)
    by_key = {(row["Section"], row["Name"]): row for row in rows}
    assert by_key["server", "workers"] == {
        "Section": "server", "Name": "workers", "Value": "3", "From": "$GLANCELITE_SERVER_WORKERS",
    }  # fmt: skip
    assert by_key["registry", "key"]["Value"] == "***"
    assert "workers = 3  # $GLANCELITE_SERVER_WORKERS\n" in run("config", "show", **env).stdout
