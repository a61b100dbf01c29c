"""`glancelite doctor` finds what is broken for real, says how to mend it, and changes nothing itself."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Api, Daemon, free_port, make_service, running
from operating import run

TLS = Path(__file__).with_name("tls.pem")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("doctor") / "data"
    with running(make_service(data, "together")) as service:
        Api(service.url).create_with(b"x" * 1000)
    return data


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Path:
    """The data directory of a stopped service in good health."""
    return Path(shutil.copytree(template, tmp_path / "data"))


def ask(data: Path, *args: str | Path, code: int = 4, **env: str) -> dict[str, dict[str, str]]:
    """The doctor's faults by part (or all remarks where there is none)."""
    done = run("doctor", "--data-dir", data, "-f", "json", *args, **env)
    assert done.returncode == code, done.stdout + done.stderr
    remarks = json.loads(done.stdout)
    faults = {each["Part"]: each for each in remarks if each["Result"] == "fault"}
    assert bool(faults) == (code == 4)
    assert all(each["Mend"] for each in faults.values())
    return faults or {each["Part"]: each for each in remarks}


def test_a_healthy_service_has_no_fault(data: Path) -> None:
    remarks = ask(data, code=0)
    assert {"python", "configuration", "pipeline", "database", "clock", "store file"} <= remarks.keys()
    assert {each["Result"] for each in remarks.values()} == {"ok"}


def test_before_the_first_start_nothing_is_wrong_and_nothing_is_made(tmp_path: Path) -> None:
    remarks = ask(tmp_path / "new", code=0)
    assert remarks["database"]["Result"] == "note"
    assert not (tmp_path / "new").exists()


def test_a_store_that_was_never_used_is_not_made(tmp_path: Path) -> None:
    assert run("db", "sync", "--data-dir", tmp_path).returncode == 0
    before = sorted(tmp_path.iterdir())
    assert ask(tmp_path, code=0)["store file"]["Result"] == "note"
    assert sorted(tmp_path.iterdir()) == before


def test_a_configuration_with_faults_is_told(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "wrong.conf"
    file.write_text("[server]\nworker = 2\n")
    assert "Did you mean [server] workers?" in ask(data, "--config", file)["configuration"]["Found"]


def test_a_pipeline_that_is_not_there_or_names_no_filter_is_told(data: Path, tmp_path: Path) -> None:
    assert "flying" in ask(data, GLANCELITE_PASTE_DEPLOY_FLAVOR="flying")["pipeline"]["Found"]
    ini = tmp_path / "api-paste.ini"
    ini.write_text("[pipeline:none]\npipeline = catch_errors nothing api\n[filter:catch_errors]\n"
                   "use = egg:glancelite#catch_errors\n[app:api]\nuse = egg:glancelite#api\n")  # fmt: skip
    assert "nothing" in ask(data, GLANCELITE_PASTE_DEPLOY_CONFIG_FILE=str(ini))["pipeline"]["Found"]


def test_a_program_that_a_plugin_needs_and_is_not_there_is_told(data: Path) -> None:
    plugin = {"GLANCELITE_IMAGE_IMPORT_OPTS_IMAGE_IMPORT_PLUGINS": "image_conversion"}
    assert "qemu-img" in ask(data, GLANCELITE_IMAGE_CONVERSION_QEMU_IMG="/none", **plugin)["programs"]["Found"]


def test_an_old_schema_is_told(data: Path) -> None:
    _sql(data, "DELETE FROM schema_migration WHERE name = '0005_tasks'")
    assert "db upgrade" in ask(data)["database"]["Mend"]


def test_a_damaged_database_is_told(data: Path) -> None:
    file = data / "glancelite.sqlite"
    for rest in data.glob("glancelite.sqlite-*"):
        rest.unlink()
    with file.open("r+b") as open_file:
        open_file.seek(8192)
        open_file.write(os.urandom(file.stat().st_size - 16384))
    assert "damaged" in ask(data)["database file"]["Found"]


def test_another_disk_in_the_store_s_place_is_told_and_left_alone(data: Path) -> None:
    (data / "images/.glancelite-store").write_text(str(uuid.uuid4()))
    assert "another store's marker" in ask(data)["store file"]["Found"]
    shutil.rmtree(data / "images")
    assert "store file" in ask(data)
    assert not (data / "images").exists()


def test_secrets_that_others_may_read_are_told(data: Path, tmp_path: Path) -> None:
    key = data / "registry.key"
    key.write_text("secret")
    key.chmod(0o644)
    assert "registry.key (mode 0644)" in ask(data)["secrets"]["Found"]
    key.unlink()
    file = tmp_path / "glancelite.conf"
    file.write_text("[keystone_authtoken]\npassword = hidden\n")
    file.chmod(0o644)
    told = ask(data, "--config", file)["secrets"]
    assert (told["Mend"], "hidden" in str(told)) == (f"chmod 0600 {file}", False)
    file.chmod(0o600)
    ask(data, "--config", file, code=0)


def test_certificates_are_looked_at(data: Path, tmp_path: Path) -> None:
    env = {"GLANCELITE_KEYSTONE_AUTHTOKEN_CAFILE": str(TLS)}
    assert ask(data, code=0, **env)["tls"]["Result"] == "ok"
    assert "No such file" in ask(data, **{**env, "GLANCELITE_KEYSTONE_AUTHTOKEN_CAFILE": "/none.pem"})["tls"]["Found"]
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    assert "no certificate" in ask(data, GLANCELITE_OSLO_LIMIT_CAFILE=str(empty))["tls"]["Found"]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system that is nearly full."""
    place = tmp_path / "tiny"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.needs("mount")
def test_a_disk_that_is_nearly_full_is_told(data: Path, tiny: Path) -> None:
    shutil.copytree(data / "images", tiny / "images")
    env = {"GLANCELITE_GLANCE_STORE_FILESYSTEM_STORE_DATADIR": str(tiny / "images")}
    assert "KiB are left" in ask(data, **env)["store file"]["Found"]


def test_a_registry_that_is_stopped_is_told_and_one_that_runs_is_asked(tmp_path: Path) -> None:
    registry = Daemon("registry", tmp_path / "data")
    (tmp_path / "data").mkdir()
    env = {"GLANCELITE_REGISTRY_LOCATION": registry.url}
    assert "no key" in ask(tmp_path / "api", **env)["registry"]["Found"]
    assert not (tmp_path / "api").exists()
    registry.start()
    try:
        assert registry.url in ask(tmp_path / "data", code=0, **env)["registry"]["Found"]
        other = {**env, "GLANCELITE_REGISTRY_KEY": "another"}
        assert "key" in ask(tmp_path / "data", **other)["registry"]["Found"]
    finally:
        registry.stop()
    assert "registry" in ask(tmp_path / "data", **env)
    nobody = {"GLANCELITE_DATABASE_CONNECTION": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}
    assert "database" in ask(tmp_path / "data", **nobody)


def _sql(data: Path, statement: str) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(data / "glancelite.sqlite")) as database, database:
        database.execute(statement)
