"""Where the service is and who asks: options before and after the command, the environment, clouds.yaml."""

import json
import subprocess
from pathlib import Path

import pytest
from harness import command, environment, make_service, running

NOWHERE = "http://127.0.0.1:1"
LIST = ("image", "list", "-f", "json")


@pytest.fixture
def heard(canned):
    """The headers that a canned service with no images got to hear."""
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})
    return lambda: canned.requests[-1][2]


def write_clouds(folder: Path, clouds: dict, name: str = "clouds.yaml", key: str = "clouds") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(json.dumps({key: clouds}))
    return file


def test_options_stand_before_and_after_the_command(glancelite, canned, heard):
    before = glancelite("--os-endpoint", canned.url, *LIST, OS_ENDPOINT=None)
    between = glancelite("image", "--os-endpoint", canned.url, "list", OS_ENDPOINT=None)
    after = glancelite(*LIST, f"--os-endpoint={canned.url}", OS_ENDPOINT=NOWHERE)
    last = glancelite("--os-endpoint", NOWHERE, *LIST, "--os-endpoint", canned.url)

    assert [done.code for done in (before, between, after, last)] == [0, 0, 0, 0]
    assert len(canned.requests) == 4


@pytest.mark.parametrize("end", ["", "/", "/v2", "/v2/", "/v2.9"])
def test_an_endpoint_may_name_the_version(glancelite, canned, heard, end):
    assert glancelite(*LIST, OS_ENDPOINT=canned.url + end).code == 0
    assert canned.requests[-1][1].startswith("/v2/images?")


@pytest.mark.parametrize("variable", ["OS_ENDPOINT", "OS_IMAGE_ENDPOINT_OVERRIDE", "OS_IMAGE_URL"])
def test_the_endpoint_has_several_variables(glancelite, canned, heard, variable):
    assert glancelite(*LIST, **{"OS_ENDPOINT": None, variable: canned.url}).code == 0


def test_without_any_word_the_service_of_this_host_is_asked(glancelite):
    done = glancelite(*LIST, "--debug", OS_ENDPOINT=None, OS_AUTH_TYPE=None, GLANCELITE_TIMEOUT="5")

    assert done.err.startswith("curl -i -X GET 'http://127.0.0.1:9292/v2/images?")
    assert "Auth" not in done.err.splitlines()[0]


def test_a_basic_login_and_a_token_are_sent(glancelite, canned, heard):
    words = ("--os-endpoint", canned.url)
    glancelite(*LIST, *words, "--os-auth-type", "http_basic", OS_USERNAME="ann", OS_PASSWORD="pässword")
    basic = heard()
    glancelite(*LIST, *words, "--os-token", "secret", OS_AUTH_TYPE=None)
    token = heard()
    glancelite(*LIST, *words, OS_AUTH_TYPE="admin_token", OS_AUTH_TOKEN="old")
    admin = heard()

    assert basic["Authorization"] == "Basic YW5uOnDDpHNzd29yZA=="
    assert (token["X-Auth-Token"], admin["X-Auth-Token"]) == ("secret", "old")
    assert "Authorization" not in token


def test_a_service_with_users_takes_their_login(glancelite, tmp_path, name):
    service = make_service(tmp_path / "data", auth="file")
    add = command("user", "add", "ann", "--data-dir", str(tmp_path / "data"), "--role", "member")
    added = subprocess.run(add, input=b"geheim\n", env=environment(), capture_output=True, check=False)
    assert added.returncode == 0, added.stderr
    with running(service):
        who = {"OS_ENDPOINT": service.url, "OS_AUTH_TYPE": "http_basic", "OS_USERNAME": "ann"}
        assert glancelite("image", "create", name, **who, OS_PASSWORD="geheim").code == 0
        wrong = glancelite(*LIST, **who, OS_PASSWORD="falsch")

    assert wrong.code == 1
    assert "HTTP 401" in wrong.err


@pytest.mark.parametrize("place", ["cwd", "home", "xdg", "variable"])
def test_clouds_yaml_is_found_where_the_sdk_looks(glancelite, canned, heard, tmp_path, place):
    folder = {"cwd": tmp_path, "home": tmp_path / "home/.config/openstack", "xdg": tmp_path / "xdg/openstack",
              "variable": tmp_path / "elsewhere"}[place]  # fmt: skip
    file = write_clouds(folder, {"lite": {"auth_type": "none", "endpoint": canned.url}})
    env = {"xdg": {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}, "variable": {"OS_CLIENT_CONFIG_FILE": str(file)}}

    done = glancelite(*LIST, "--os-cloud", "lite", OS_ENDPOINT=None, OS_AUTH_TYPE=None, **env.get(place, {}))

    assert done.code == 0, done.err
    assert len(canned.requests) == 1


def test_a_cloud_is_merged_from_its_files(glancelite, canned, heard, tmp_path):
    cloud = {"profile": "lab", "auth_type": "http_basic", "auth": {"username": "ann", "password": "wrong"}}
    write_clouds(tmp_path, {"lite": cloud})
    write_clouds(tmp_path, {"lite": {"auth": {"password": "right"}}}, "secure.yaml")
    write_clouds(
        tmp_path, {"lab": {"image_endpoint_override": f"{canned.url}/v2"}}, "clouds-public.yaml", "public-clouds"
    )

    done = glancelite(*LIST, OS_CLOUD="lite", OS_ENDPOINT=None, OS_AUTH_TYPE=None)

    assert done.code == 0, done.err
    assert heard()["Authorization"] == "Basic YW5uOnJpZ2h0"


def test_an_option_counts_more_than_the_environment_and_that_more_than_the_cloud(glancelite, canned, heard, tmp_path):
    write_clouds(tmp_path, {"lite": {"auth_type": "token", "auth": {"endpoint": NOWHERE, "token": "cloud"}}})

    glancelite(*LIST, OS_CLOUD="lite", OS_ENDPOINT=canned.url, OS_AUTH_TYPE=None)
    assert heard()["X-Auth-Token"] == "cloud"
    glancelite(*LIST, OS_CLOUD="lite", OS_ENDPOINT=canned.url, OS_AUTH_TYPE=None, OS_TOKEN="environ")
    assert heard()["X-Auth-Token"] == "environ"
    glancelite(*LIST, "--os-token", "option", OS_CLOUD="lite", OS_ENDPOINT=canned.url, OS_AUTH_TYPE=None, OS_TOKEN="e")
    assert heard()["X-Auth-Token"] == "option"


def test_only_a_cloud_called_openstack_is_taken_unasked(glancelite, canned, heard, tmp_path):
    bare = {"OS_ENDPOINT": None, "OS_AUTH_TYPE": None}
    write_clouds(tmp_path, {"openstack": {"auth_type": "none", "endpoint": canned.url}})
    assert glancelite(*LIST, **bare).code == 0
    assert len(canned.requests) == 1

    write_clouds(tmp_path, {"other": {"auth_type": "none", "endpoint": canned.url}})
    glancelite(*LIST, **bare)
    assert len(canned.requests) == 1


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (["--os-cloud", "x"], {}, "There is no clouds.yaml to find 'x' in."),
        (["--os-endpoint", "127.0.0.1:9292"], {}, "'127.0.0.1:9292' is not an http:// or https:// URL."),
        (["--os-auth-type", "kerberos"], {}, "Auth type 'kerberos' is not one of none, http_basic, token"),
        (["--os-auth-type", "http_basic"], {"OS_USERNAME": "u"}, "needs --os-password (OS_PASSWORD)."),
        (["--os-auth-type", "token"], {}, "needs --os-token (OS_TOKEN)."),
        (["--os-image-api-version", "1"], {}, "The Image API v1 is not offered"),
        (["--os-image-api-version", "3"], {}, "Image API version '3' is not known"),
        ([], {"GLANCELITE_TIMEOUT": "soon"}, "The timeout 'soon' is not a number"),
        (
            [],
            {"OS_CLOUD": "x", "OS_CLIENT_CONFIG_FILE": "/none"},
            "$OS_CLIENT_CONFIG_FILE names /none, which is no file.",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(glancelite, words, env, said):
    done = glancelite(*LIST, *words, **env)

    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_an_unknown_cloud_names_those_there_are(glancelite, tmp_path):
    write_clouds(tmp_path, {"one": {}, "two": {}})

    done = glancelite(*LIST, "--os-cloud", "three")

    assert done.code == 2
    assert "clouds.yaml has no cloud 'three'; it has one, two." in done.err


def test_a_broken_clouds_yaml_is_named(glancelite, tmp_path):
    (tmp_path / "clouds.yaml").write_text("clouds: [")

    done = glancelite(*LIST, "--os-cloud", "x")

    assert done.code == 2
    assert "clouds.yaml cannot be read: while parsing" in done.err


def test_options_of_other_services_are_taken_and_ignored(glancelite):
    done = glancelite("--os-compute-api-version", "2.1", *LIST, "--os-identity-api-version=3", "--os-beta-command")

    assert done.code == 0


def test_a_keystone_that_is_not_there_is_said_in_a_line(glancelite):
    done = glancelite(
        *LIST, OS_ENDPOINT=None, OS_AUTH_TYPE="password", OS_AUTH_URL=f"{NOWHERE}/v3", OS_USERNAME="u", OS_PASSWORD="p"
    )

    assert done.code == 1
    assert f"Keystone at {NOWHERE}/v3 cannot be reached" in done.err
    assert len(done.err.splitlines()) == 1


def test_keystone_gives_a_token_and_the_endpoint(glancelite, canned, heard):
    keystone = canned.be_keystone(r1="http://127.0.0.1:1", r2=f"{canned.url}/v2")

    done = glancelite(
        *LIST, OS_ENDPOINT=None, OS_AUTH_TYPE=None, OS_AUTH_URL=keystone, OS_USERNAME="ann", OS_PASSWORD="p",
        OS_USER_DOMAIN_NAME="d", OS_PROJECT_NAME="p", OS_PROJECT_DOMAIN_NAME="d", OS_REGION_NAME="r2",
    )  # fmt: skip

    assert done.code == 0, done.err
    assert heard()["X-Auth-Token"] == "from-keystone"


def test_a_certificate_is_checked_unless_told_otherwise(glancelite, canned_tls):
    canned_tls.answers["GET", "/v2/images"] = (200, {}, {"images": []})
    authority = str(Path(__file__).with_name("tls.pem"))

    def ask(*words, **env):
        return glancelite(*LIST, *words, OS_ENDPOINT=canned_tls.url, **env)

    refused = ask()
    assert refused.code == 1
    assert f"TLS with {canned_tls.url} failed: " in refused.err
    assert "certificate verify failed" in refused.err
    assert ask("--os-cacert", authority).json == []
    assert ask(OS_CACERT=authority).json == []
    trusting = ask("--insecure")
    assert (trusting.json, trusting.err) == ([], "")
    assert ask("--insecure", "--verify").code == 1


def test_the_environments_http_proxy_is_used_but_where_it_is_not_wanted(glancelite, canned):
    canned.answers["GET", "http://images.example/v2/images"] = (200, {}, {"images": []})

    through = glancelite(*LIST, OS_ENDPOINT="http://images.example", http_proxy=canned.url)
    beside = glancelite(*LIST, OS_ENDPOINT="http://127.0.0.1:1", http_proxy=canned.url, no_proxy="127.0.0.1")

    assert through.json == []
    assert "No service answers at http://127.0.0.1:1" in beside.err
    assert len(canned.requests) == 1
