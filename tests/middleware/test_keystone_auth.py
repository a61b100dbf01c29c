"""keystone_auth alone: what it must be told, what it does when nobody answers, and who carries its libraries."""

import subprocess
import sys

import pytest
from harness import command, environment, free_port

from glancelite import deploy
from glancelite.config import load
from glancelite.errors import ConfigError
from glancelite.middleware.base import CHALLENGE_KEY
from glancelite.middleware.keystone_auth import KeystoneAuth

NOWHERE = f"http://127.0.0.1:{free_port()}/v3"
TOLD = {"auth_url": NOWHERE, "username": "glance", "password": "secret", "http_request_max_retries": 0}


def test_a_keystone_that_does_not_answer_is_503(app, ask):
    headers = {"X-Auth-Token": "token", "Accept": "application/json"}
    response = ask(KeystoneAuth(app, **TOLD), headers=headers)

    assert (response.status_int, response.headers["Retry-After"]) == (503, "2")
    assert response.json["message"] == "Keystone, which knows the callers, cannot be asked at the moment."
    assert app.calls == 0


@pytest.mark.parametrize("token", ["Größe".encode().decode("latin-1"), "two words", "x" * 5000])
def test_keystone_is_not_asked_about_what_is_no_token(app, ask, token):
    response = ask(KeystoneAuth(app, **TOLD), HTTP_X_AUTH_TOKEN=token)

    assert response.status_int == 200
    assert app.environ["HTTP_X_IDENTITY_STATUS"] == "Invalid"


def test_without_a_token_nobody_is_asked_and_no_identity_passes(app, ask):
    claim = {"X-Identity-Status": "Confirmed", "X-Roles": "admin", "X-Service-Token-Roles": "service"}
    told = TOLD | {"www_authenticate_uri": "https://id.example.org"}

    response = ask(KeystoneAuth(app, **told), headers=claim)

    assert response.status_int == 200
    assert app.environ["HTTP_X_IDENTITY_STATUS"] == "Invalid"
    assert not {"HTTP_X_ROLES", "HTTP_X_SERVICE_TOKEN_ROLES"} & app.environ.keys()
    assert app.environ[CHALLENGE_KEY] == 'Keystone uri="https://id.example.org"'


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({}, "[keystone_authtoken] auth_url is not set: where is Keystone?"),
        ({"auth_url": NOWHERE, "username": "glance"}, "[keystone_authtoken] username and password are not both set: "),
        ({"auth_url": NOWHERE, "password": "secret"}, "[keystone_authtoken] username and password are not both set: "),
        ({"auth_url": NOWHERE, "auth_type": "telepathy"}, "[keystone_authtoken] is not understood: "),
        (TOLD | {"usrname": "glance"}, "[keystone_authtoken] is not understood: no such option usrname"),
        (TOLD | {"http_connect_timeout": "soon"}, "[keystone_authtoken] is not understood: "),
        (TOLD | {"token_cache_time": "long"}, "[keystone_authtoken] is not understood: "),
    ],
)
def test_what_is_not_understood_stops_the_start(app, knobs, sentence):
    with pytest.raises(ConfigError) as caught:
        KeystoneAuth(app, **knobs)

    assert str(caught.value).startswith(sentence)


def test_the_environment_counts_more_than_the_ini_and_the_ini_more_than_defaults(app, monkeypatch):
    given = {name: TOLD[name] for name in ("auth_url", "username", "password")}
    config = load(environ={f"GLANCELITE_KEYSTONE_AUTHTOKEN_{name.upper()}": text for name, text in given.items()})
    monkeypatch.setitem(deploy._instances, "key", deploy.Instance(config))
    knobs = {"auth_url": "http://ini.example.org/v3", "project_name": "services", "region_name": "north"}

    made = deploy.keystone_auth_filter_factory({"instance": "key"}, **knobs)(app)

    assert made.knobs["auth_url"] == NOWHERE
    assert made.knobs["project_name"] == "services"
    assert made.knobs["region_name"] == "north"
    assert made.knobs["user_domain_name"] == "Default"


@pytest.mark.parametrize(
    ("pipeline", "settings", "sentence"),
    [
        ("keystone", {}, "[keystone_authtoken] auth_url is not set: where is Keystone?"),
        ("none", {"USE_KEYSTONE_LIMITS": "yes"}, "[oslo_limit] auth_url is not set, and use_keystone_limits needs it."),
        ("none", {"USE_KEYSTONE_LIMITS": "yes", "OSLO_LIMIT_AUTH_URL": NOWHERE}, "[oslo_limit] username and password"),
    ],
)
def test_the_start_without_keystones_place_is_one_sentence(tmp_path, pipeline, settings, sentence):
    line = command("server", "run", "--auth", pipeline, "--data-dir", str(tmp_path), "--bind", "127.0.0.1:0")
    given = environment({f"GLANCELITE_{name}": value for name, value in settings.items()})

    done = subprocess.run(line, env=given, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("pipeline", ["none", "file", "trusted"])
def test_other_pipelines_never_load_keystones_libraries(pipeline, tmp_path):
    script = (
        "import sys; from glancelite import deploy\n"
        f"deploy.load_api(deploy.load_config(None, {{'GLANCELITE_DATA_DIR': {str(tmp_path)!r},"
        f" 'GLANCELITE_PASTE_DEPLOY_FLAVOR': {pipeline!r}}}))\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in"
        " ('keystonemiddleware', 'keystoneauth1', 'oslo_limit', 'openstack', 'oslo_config')))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "[]\n"
