"""The operator's commands on a service whose database is a server."""

import json
from pathlib import Path

import pytest
from databases import POSTGRES, new_database
from harness import Api, make_service, running
from operating import run


@pytest.mark.slow
@pytest.mark.needs(POSTGRES)
def test_all_of_them_work_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    url = new_database(postgres_url)
    data, env = tmp_path / "data", {"GLANCELITE_DATABASE_CONNECTION": url}
    assert run("db", "sync", "--data-dir", data, **env).returncode == 0
    with running(make_service(data, "together", DATABASE_CONNECTION=url)) as service:
        api = Api(service.url)
        api.create_with(b"x" * 1000, name="one")
        gone = api.create()
        assert api.delete(f"/v2/images/{gone['id']}").status == 204
        doctor = run("doctor", "--data-dir", data, "-f", "json", **env)
        remarks = {each["Part"]: each for each in json.loads(doctor.stdout)}
        assert (doctor.returncode, remarks["clock"]["Result"], remarks["libraries"]["Result"]) == (0, "ok", "ok")
        assert run("verify", "one", "--data-dir", data, **env).returncode == 0
        assert run("db", "purge", "--age-in-days", "0", "--data-dir", data, **env).stdout == "purged 1 image(s)\n"
        assert run("registry", "ping", "--data-dir", data, **env).returncode == 0
        (stored,) = [path for path in (data / "images").iterdir() if not path.name.startswith(".")]
        stored.write_bytes(b"y" * 1000)
        assert run("verify", "--data-dir", data, **env).returncode == 4
        assert run("fsck", "--delete-orphans", "--data-dir", data, **env).stdout == "clean\n"
    (row,) = [r for r in json.loads(run("store", "usage", "--data-dir", data, "-f", "json", **env).stdout)
              if r["ID"] == "file"]  # fmt: skip
    assert (row["Images"], row["Bytes"]) == (1, 1000)
