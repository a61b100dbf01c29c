"""Requests that nobody thought of, made from the API's own description: alone, and in a row along its links."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Api, Service, make_service, running

SEED = os.environ.get("FUZZ_SEED", "7")
EXAMPLES = 60
"""Per operation; some 3,000 requests in all."""
STORES = {"ENABLED_BACKENDS": "fast:file,cheap:file", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}
TESTS = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("deployment", ["together", "apart"])
def test_no_request_is_an_error_of_the_service(tmp_path: Path, deployment: str) -> None:
    with running(make_service(tmp_path / "data", deployment, auth="none", **STORES)) as service:
        out = fuzz(service, tmp_path)
        assert Api(service.url).get("/v2/images").status == 200
        logs = "".join(daemon.log.read_text() for daemon in service.daemons)
        checked = service.fsck()

    made = re.search(r"(\d+) generated, (\d+) passed", out)
    assert made and made[1] == made[2] and int(made[1]) >= 2000, out
    links = re.search(r"API Links: +(\d+) covered", out)
    assert links and int(links[1]) > 5, out
    assert "Traceback" not in logs
    assert checked.returncode == 0, checked.stdout


def fuzz(service: Service, tmp_path: Path) -> str:
    """What schemathesis says of a run; it ends well only without a server error."""
    print(f"to see the same again: FUZZ_SEED={SEED}")
    words = [Path(sys.executable).with_name("schemathesis"), "run", f"{service.url}/v2/openapi.json", "--no-color"]
    words += ["--checks", "not_a_server_error", "--max-examples", str(EXAMPLES), "--seed", SEED]
    words += ["--phases", "coverage,fuzzing,stateful", "--continue-on-failure", "--request-timeout", "30"]
    env = os.environ | {"SCHEMATHESIS_HOOKS": "fuzz.hooks", "PYTHONPATH": str(TESTS)}
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=500, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    return done.stdout
