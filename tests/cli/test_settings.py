"""Global options, one after the other: what each does, by each of its spellings."""

import json
import re
import stat
import subprocess
import time
from pathlib import Path

import pytest
from harness import command
from terminal import on_terminal

LIST = ("image", "list", "-f", "json")
BARE = {"OS_ENDPOINT": None, "OS_AUTH_TYPE": None}


@pytest.fixture
def empty(canned):
    """A canned service without images."""
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})
    return canned


@pytest.fixture
def keystone(canned):
    """A canned Keystone whose catalog names an image service in two regions, by two interfaces; what it was told."""
    ends = [
        {"interface": interface, "region": region, "region_id": region, "id": f"{region}{interface}",
         "url": f"{canned.url}/{region}/{interface}"}
        for region in ("r1", "r2") for interface in ("public", "internal", "admin")
    ]  # fmt: skip
    for end in ends:
        canned.answers["GET", end["url"].removeprefix(canned.url) + "/v2/images"] = (200, {}, {"images": []})
    token = {"methods": ["password"], "expires_at": "2999-01-01T00:00:00.000000Z", "roles": [],
             "catalog": [{"type": "image", "name": "glance", "id": "1", "endpoints": ends}],
             "user": {"id": "u", "name": "ann", "domain": {"id": "d", "name": "d"}},
             "issued_at": "2020-01-01T00:00:00.000000Z"}  # fmt: skip
    version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": f"{canned.url}/v3/"}]}
    told = []

    def issue(handler):
        told.append(json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))["auth"])
        handler.say(201, {"X-Subject-Token": "from-keystone"}, {"token": token})

    canned.answers["GET", "/v3"] = (200, {}, {"version": version})
    canned.answers["POST", "/v3/auth/tokens"] = issue
    return f"{canned.url}/v3", told


@pytest.mark.parametrize(
    ("words", "env", "user", "scope"),
    [
        ("--os-username ann --os-password p", {}, {"name": "ann", "password": "p", "domain": {"id": "default"}}, None),
        ("", {"OS_USER_ID": "u1", "OS_PASSWORD": "p"}, {"id": "u1", "password": "p"}, None),
        ("--os-user-id u1 --os-password p --os-project-id p1", {}, {"id": "u1", "password": "p"},
         {"project": {"id": "p1"}}),
        ("--os-username ann --os-password p --os-user-domain-name d1 --os-project-name p1 --os-project-domain-name d2",
         {}, {"name": "ann", "password": "p", "domain": {"name": "d1"}},
         {"project": {"name": "p1", "domain": {"name": "d2"}}}),
        ("--os-username ann --os-password p --os-user-domain-id d1 --os-project-name p1 --os-project-domain-id d2",
         {}, {"name": "ann", "password": "p", "domain": {"id": "d1"}},
         {"project": {"name": "p1", "domain": {"id": "d2"}}}),
        ("--os-default-domain d3", {"OS_USERNAME": "ann", "OS_PASSWORD": "p", "OS_TENANT_NAME": "old"},
         {"name": "ann", "password": "p", "domain": {"id": "d3"}},
         {"project": {"name": "old", "domain": {"id": "d3"}}}),
        ("", {"OS_USER_ID": "u", "OS_PASSWORD": "p", "OS_TENANT_ID": "t1"}, {"id": "u", "password": "p"},
         {"project": {"id": "t1"}}),
        ("--os-user-id u --os-password p --os-domain-name d4", {}, {"id": "u", "password": "p"},
         {"domain": {"name": "d4"}}),
        ("--os-user-id u --os-password p --os-domain-id d4", {}, {"id": "u", "password": "p"},
         {"domain": {"id": "d4"}}),
        ("--os-user-id u --os-password p --os-system-scope all", {}, {"id": "u", "password": "p"},
         {"system": {"all": True}}),
    ],
)  # fmt: skip
def test_keystone_is_told_who_asks_and_for_what(glancelite, keystone, words, env, user, scope):
    url, told = keystone

    done = glancelite(*LIST, *words.split(), "--os-auth-url", url, **BARE, **env)

    assert done.code == 0, done.err
    assert told[0]["identity"]["password"]["user"] == user
    assert told[0].get("scope") == scope


@pytest.mark.parametrize("by", ["id", "name", "environment"])
def test_an_application_credential_logs_in(glancelite, keystone, by):
    url, told = keystone
    words = {
        "id": "--os-application-credential-id c1 --os-application-credential-secret s",
        "name": "--os-application-credential-name c --os-user-id u --os-application-credential-secret s",
        "environment": "--os-auth-type v3applicationcredential",
    }[by]
    env = {"OS_APPLICATION_CREDENTIAL_ID": "c1", "OS_APPLICATION_CREDENTIAL_SECRET": "s"}

    done = glancelite(*LIST, *words.split(), OS_AUTH_URL=url, **BARE, **(env if by == "environment" else {}))

    assert done.code == 0, done.err
    said = told[0]["identity"]["application_credential"]
    assert said == ({"name": "c", "user": {"id": "u"}, "secret": "s"} if by == "name" else {"id": "c1", "secret": "s"})


@pytest.mark.parametrize(
    ("words", "env", "place"),
    [
        ("--os-region-name r2", {}, "/r2/public"),
        ("", {"OS_REGION_NAME": "r1"}, "/r1/public"),
        ("--os-region-name r1 --os-interface internal", {}, "/r1/internal"),
        ("--os-endpoint-type adminURL", {"OS_REGION_NAME": "r2"}, "/r2/admin"),
        ("", {"OS_REGION_NAME": "r2", "OS_INTERFACE": "internal"}, "/r2/internal"),
        ("", {"OS_REGION_NAME": "r2", "OS_ENDPOINT_TYPE": "internalURL"}, "/r2/internal"),
    ],
)
def test_region_and_interface_choose_in_the_catalog(glancelite, canned, keystone, words, env, place):
    login = {"OS_AUTH_URL": keystone[0], "OS_USERNAME": "u", "OS_PASSWORD": "p"}

    done = glancelite(*LIST, *words.split(), **BARE, **login, **env)

    assert done.code == 0, done.err
    assert canned.requests[-1][1].startswith(f"{place}/v2/images")
    assert canned.requests[-1][2]["X-Auth-Token"] == "from-keystone"


@pytest.mark.parametrize("option", ["--os-endpoint", "--os-endpoint-override", "--os-image-url"])
def test_the_endpoint_has_several_spellings(glancelite, empty, option):
    assert glancelite(*LIST, option, empty.url, **BARE).code == 0


@pytest.mark.parametrize(
    ("words", "env"),
    [
        ("--os-token t", {}),
        ("--os-auth-token t", {}),
        ("", {"OS_TOKEN": "t"}),
        ("", {"OS_AUTH_TOKEN": "t"}),
        ("--os-auth-type admin_token --os-token t", {}),
        ("", {"OS_TOKEN": "t", "OS_AUTH_TYPE": "token"}),
        ("", {"OS_TOKEN": "t", "OS_AUTH_TYPE": "v3token"}),
    ],
)
def test_a_token_and_an_endpoint_are_enough(glancelite, empty, words, env):
    done = glancelite(*LIST, *words.split(), **{**BARE, "OS_ENDPOINT": empty.url, **env})

    assert done.code == 0, done.err
    assert empty.requests[-1][2]["X-Auth-Token"] == "t"


@pytest.mark.parametrize("version", ["2", "2.15"])
def test_an_api_version_of_2_is_taken(glancelite, empty, version):
    assert glancelite(*LIST, "--os-image-api-version", version, OS_ENDPOINT=empty.url).code == 0


def test_the_missing_password_is_asked_for_on_a_terminal(environ, empty):
    words = command("image", "list", "--os-auth-type", "http_basic", "--os-username", "ann")
    with on_terminal(words, environ | {"OS_ENDPOINT": empty.url}) as terminal:
        terminal.wait_for("Password: ")
        terminal.type("geheim\n")
        assert terminal.end() == 0
    assert empty.requests[0][2]["Authorization"] == "Basic YW5uOmdlaGVpbQ=="
    assert "geheim" not in terminal.plain


def test_verbose_names_what_is_ignored_and_quiet_says_nothing_but_results(glancelite, empty):
    words = ("--os-compute-api-version", "2.1", "--os-beta-command", *LIST)

    verbose = glancelite(*words, "-v", OS_ENDPOINT=empty.url)
    debug = glancelite(*words, "-vv", OS_ENDPOINT=empty.url)

    assert "--os-compute-api-version is of other services, and ignored." in verbose.err
    assert "--os-beta-command is of other services, and ignored." in verbose.err
    assert "curl" not in verbose.err and "curl -i -X GET" in debug.err
    assert glancelite(*words, OS_ENDPOINT=empty.url).err == ""
    assert glancelite(*words, "-q", OS_ENDPOINT=empty.url).json == []


def test_the_log_file_has_times_and_no_tokens(glancelite, empty, tmp_path):
    log = tmp_path / "log"
    words = (*LIST, "--os-auth-type", "token", "--os-token", "verysecret", "--log-file", log)

    quiet = glancelite(*words, OS_ENDPOINT=empty.url)
    assert quiet.err == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO GET \S+ -> 200 in \d+ ms\n", log.read_text())
    glancelite(*words, "--debug", OS_ENDPOINT=empty.url)
    assert re.search(r"^20.* DEBUG curl -i -X GET .*X-Auth-Token: \{SHA256\}", log.read_text(), re.MULTILINE)
    empty.answers["GET", "/v2/images"] = (403, {"Content-Type": "application/json"}, {"message": "No."})
    assert glancelite(*words, OS_ENDPOINT=empty.url).err == "Error: Cannot list images: No. (HTTP 403)\n"
    assert log.read_text().endswith(" ERROR Cannot list images: No. (HTTP 403)\n")
    assert "verysecret" not in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_log_file_that_cannot_be_written_is_said(glancelite, tmp_path):
    done = glancelite(*LIST, "--log-file", tmp_path / "none/log")

    assert done.code == 2
    assert f"The log file {tmp_path}/none/log cannot be written: No such file or directory." in done.err


def test_times_do_not_get_into_image_data(glancelite, name, disk):
    glancelite("image", "create", name, "--file", disk)

    done = glancelite("image", "save", name, "--timing")

    assert done.data == disk.read_bytes()
    assert "| Total" in done.err


RED, GREEN, YELLOW = "\x1b[31m", "\x1b[32m", "\x1b[33m"


def test_statuses_and_errors_are_coloured_on_a_terminal_only(environ, glancelite, name):
    glancelite("image", "create", name)
    with on_terminal(command("image", "list", "--name", name), environ) as terminal:
        terminal.end()
    with on_terminal(command("image", "show", f"{name}-not"), environ) as error:
        error.end()
    shown = glancelite("image", "show", name).out

    assert f"| {YELLOW}queued\x1b[0m |" in terminal.seen
    assert terminal.seen.count("\x1b[") == 2
    assert error.seen.startswith(f"{RED}Error:\x1b[0m Cannot show image")
    assert "\x1b" not in shown + glancelite("image", "show", f"{name}-not").err


@pytest.mark.parametrize(
    ("words", "env", "is_colored"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "0"}, False),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        (["--color", "auto"], {"FORCE_COLOR": "1"}, True),
        (["--color", "always", "-f", "value"], {}, False),
    ],
)
def test_colour_is_what_was_asked_for(glancelite, name, words, env, is_colored):
    glancelite("image", "create", name)

    shown = glancelite("image", "show", name, *words, **env)
    failed = glancelite("image", "show", f"{name}-not", *words, **env)

    assert (YELLOW in shown.out) is is_colored
    assert failed.err.startswith(f"{RED}Error:\x1b[0m") is (is_colored or words == ["--color", "always", "-f", "value"])


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_may_have_no_colour(environ, glancelite, name, env):
    glancelite("image", "create", name)
    with on_terminal(command("image", "list", "--name", name), environ | env) as terminal:
        terminal.end()

    assert "queued" in terminal.seen
    assert "\x1b[" not in terminal.seen


# clouds.yaml ----------------------------------------------------------------------------------------------------------


def write(folder: Path, document: dict, name: str = "clouds.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(document))
    return folder / name


@pytest.mark.parametrize("ending", ["yaml", "yml", "json"])
def test_clouds_may_be_written_in_three_ways(glancelite, empty, tmp_path, ending):
    write(tmp_path, {"clouds": {"lite": {"auth_type": "none", "endpoint": empty.url}}}, f"clouds.{ending}")

    assert glancelite(*LIST, "--os-cloud", "lite", **BARE).code == 0


def test_the_first_file_there_is_counts(glancelite, empty, tmp_path):
    def place(folder, token, name="clouds.yaml"):
        cloud = {"auth_type": "token", "auth": {"token": token}, "endpoint": empty.url}
        return write(folder, {"clouds": {"lite": cloud}}, name)

    def heard(**env):
        done = glancelite(*LIST, "--os-cloud", "lite", **BARE, **env)
        assert done.code == 0, done.err
        return empty.requests[-1][2]["X-Auth-Token"]

    place(tmp_path / "home/.config/openstack", "home")
    assert heard() == "home"
    place(tmp_path / "xdg/openstack", "xdg")
    assert heard(XDG_CONFIG_HOME=str(tmp_path / "xdg")) == "xdg"
    place(tmp_path, "json", "clouds.json")
    assert heard(XDG_CONFIG_HOME=str(tmp_path / "xdg")) == "json"
    place(tmp_path, "here")
    assert heard() == "here"
    assert heard(OS_CLIENT_CONFIG_FILE=str(place(tmp_path / "else", "named", "mine.yaml"))) == "named"


def test_secrets_lie_beside_or_where_they_are_said_to(glancelite, empty, tmp_path):
    write(tmp_path, {"clouds": {"lite": {"auth_type": "token", "auth": {"token": "open"}, "endpoint": empty.url}}})
    beside = {"clouds": {"lite": {"auth": {"token": "beside"}}}}
    write(tmp_path / "home/.config/openstack", {"clouds": {"lite": {"auth": {"token": "of the user"}}}}, "secure.yaml")
    other = write(tmp_path / "else", {"clouds": {"lite": {"auth": {"token": "named"}}}}, "s.json")

    def heard(**env):
        glancelite(*LIST, "--os-cloud", "lite", **BARE, **env)
        return empty.requests[-1][2]["X-Auth-Token"]

    assert heard() == "of the user"
    write(tmp_path, beside, "secure.yaml")
    assert heard() == "beside"
    assert heard(OS_CLIENT_SECURE_FILE=str(other)) == "named"


@pytest.mark.parametrize("key", ["endpoint", "image_endpoint_override"])
def test_a_profile_supplies_what_the_cloud_does_not_say(glancelite, empty, tmp_path, key):
    write(tmp_path, {"clouds": {"lite": {"profile": "lab", "auth": {"token": "mine"}}}})
    lab = {"auth_type": "token", key: empty.url, "auth": {"token": "theirs"}}
    write(tmp_path, {"public-clouds": {"lab": lab}}, "clouds-public.yaml")

    done = glancelite(*LIST, "--os-cloud", "lite", **BARE)

    assert done.code == 0, done.err
    assert empty.requests[-1][2]["X-Auth-Token"] == "mine"
    other = str(write(tmp_path, {}, "none.yaml"))
    unknown = glancelite(*LIST, "--os-cloud", "lite", **BARE, OS_CLIENT_VENDOR_FILE=other)
    assert (unknown.code, "Profile 'lab' is not in" in unknown.err) == (2, True)


def test_the_cloud_called_envvars_is_the_environment(glancelite, empty, tmp_path):
    write(tmp_path, {"clouds": {"openstack": {"auth_type": "token", "endpoint": "http://127.0.0.1:1"}}})

    done = glancelite(*LIST, "--os-cloud", "envvars", OS_ENDPOINT=empty.url, OS_AUTH_TYPE=None, OS_TOKEN="of environ")

    assert done.code == 0, done.err
    assert empty.requests[-1][2]["X-Auth-Token"] == "of environ"


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"image_api_version": "1"}, "The Image API v1 is not offered"),
        ({"timeout": "soon"}, "The timeout 'soon' is not a number"),
        ({"auth_type": "kerberos"}, "Auth type 'kerberos' is not one of none, http_basic, token"),
    ],
)
def test_keys_of_a_cloud_are_checked_as_options_are(glancelite, empty, tmp_path, extra, said):
    write(tmp_path, {"clouds": {"lite": {"auth_type": "none", "endpoint": empty.url, **extra}}})

    done = glancelite(*LIST, "--os-cloud", "lite", **BARE)

    assert (done.code, said in done.err) == (2, True), done.err


@pytest.mark.parametrize(("extra", "code"), [({}, 1), ({"verify": False}, 0), ({"cacert": "tls.pem"}, 0)])
def test_tls_of_a_cloud(glancelite, canned_tls, tmp_path, extra, code):
    canned_tls.answers["GET", "/v2/images"] = (200, {}, {"images": []})
    (tmp_path / "tls.pem").write_bytes(Path(__file__).with_name("tls.pem").read_bytes())
    write(tmp_path, {"clouds": {"lite": {"auth_type": "none", "endpoint": canned_tls.url, **extra}}})

    assert glancelite(*LIST, "--os-cloud", "lite", **BARE).code == code


def test_region_and_interface_of_a_cloud(glancelite, canned, keystone, tmp_path):
    auth = {"auth_url": keystone[0], "username": "ann", "password": "p", "project_name": "p"}
    write(tmp_path, {"clouds": {"lab": {"auth": auth, "region_name": "r2", "interface": "internal"}}})

    done = glancelite(*LIST, "--os-cloud", "lab", **BARE)

    assert done.code == 0, done.err
    assert canned.requests[-1][1].startswith("/r2/internal/v2/images")


# How it ends ----------------------------------------------------------------------------------------------------------


def test_a_value_that_is_not_among_those_there_are_is_answered_with_the_nearest(glancelite):
    done = glancelite("image", "list", "-f", "jsn")

    assert done.code == 2
    assert "'jsn' is not one of 'table', 'json'" in done.err
    assert "Did you mean 'json'?\nTry 'glancelite image list --help'." in done.err
    assert "Did you mean" not in glancelite("image", "list", "-f", "qqq").err


def test_an_option_that_is_not_there_is_answered_with_the_nearest(glancelite):
    done = glancelite("image", "list", "--fromat", "json")

    assert done.code == 2
    assert re.search(r"--fromat.*Did you mean.*--format", done.err)


def test_a_group_without_a_command_shows_its_help(glancelite):
    done = glancelite("image")

    assert done.code == 2
    assert done.err.startswith("Usage: glancelite image ")


def test_a_reader_that_goes_away_is_141(environ, canned):
    images = [{"id": str(number), "name": "x" * 200} for number in range(3000)]
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": images})
    line = f"{' '.join(command('image', 'list', '-f', 'value'))} | head -1; echo ${{PIPESTATUS[0]}}"

    env = environ | {"OS_ENDPOINT": canned.url}
    done = subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True, check=False)

    assert (done.stdout.splitlines()[-1], done.stderr) == ("141", "")


def test_ctrl_c_is_130(environ, canned):
    canned.answers["GET", "/v2/images"] = lambda handler: time.sleep(20)
    with on_terminal(command("image", "list"), environ | {"OS_ENDPOINT": canned.url}) as terminal:
        while not canned.requests:
            time.sleep(0.02)
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "Traceback" not in terminal.seen
