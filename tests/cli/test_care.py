"""What must never happen by a slip: data lost, secrets shown, a shell gone, a change made that is called a failure."""

import os
import stat
from pathlib import Path

import pytest
from cli.conftest import Canned, Run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stores-delete", "{name}"), "stores-delete needs --store."),
        (("member-update", "{name}", "p9"), "The status is '', and not one of accepted, rejected, pending."),
        (("member-update", "{name}", "p9", "public"), "The status is 'public', and not one of accepted"),
        (("image-update", "{name}", "--visibility", "protected"), "Visibility 'protected' is not one of public"),
    ],
)
def test_an_old_spelling_that_lacks_something_does_nothing(
    glancelite: Run, name: str, words: tuple[str, ...], said: str
) -> None:
    made = glancelite("image", "create", name, "-f", "json").json

    done = glancelite(*(word.format(name=name) for word in words))

    assert (done.code, said in done.err) == (2, True), done.err
    assert glancelite("image", "show", name, "-f", "json").json == made


@pytest.mark.parametrize(("word", "protected"), [("0", False), ("no", False), ("on", True), ("1", True)])
def test_an_old_spelling_says_yes_and_no_in_many_words(glancelite: Run, name: str, word: str, protected: bool) -> None:
    assert glancelite("image-create", "--name", name, "--protected", word).code == 0
    assert glancelite("image", "show", name, "-f", "json").json["protected"] is protected


def test_a_change_that_was_made_is_no_failure_where_there_is_no_home(glancelite: Run, name: str) -> None:
    done = glancelite("image", "create", name, "-f", "value", "-c", "name", HOME="/dev/null")
    assert (done.code, done.out, done.err) == (0, f"{name}\n", "")


def test_tags_and_empty_names_are_sorted(glancelite: Run, name: str) -> None:
    for tags in ((), ("b",), ("a", "c")):
        glancelite(
            "image", "create", "", "--property", f"of={name}", *(word for tag in tags for word in ("--tag", tag))
        )
    words = ("image", "list", "--long", "--property", f"of={name}", "-f", "value", "-c", "Tags", "--sort-column")

    assert glancelite(*words, "Tags").out == "[]\n['a', 'c']\n['b']\n"
    assert glancelite(*words, "Name").code == 0


@pytest.mark.parametrize("token", ["abc\n", "a€"])
def test_a_token_that_no_header_can_carry_is_said(glancelite: Run, token: str) -> None:
    done = glancelite("image", "list", OS_AUTH_TYPE="token", OS_TOKEN=token)
    assert (done.code, "is there a line break in a token?" in done.err) == (2, True), done.err


def test_a_proxy_may_be_named_as_curl_takes_it(glancelite: Run) -> None:
    endpoint = {"OS_ENDPOINT": "http://images.example.org"}
    done = glancelite("image", "list", http_proxy="127.0.0.1:9", **endpoint)
    assert (done.code, "Traceback" in done.err) == (1, False), done.err
    odd = glancelite("image", "list", http_proxy="socks5://127.0.0.1:9", **endpoint)
    assert (odd.code, "proxy of the environment" in odd.err) == (2, True), odd.err


def test_a_password_in_an_endpoint_is_refused_and_not_repeated(glancelite: Run) -> None:
    done = glancelite("image", "list", OS_ENDPOINT="http://u:sekret@127.0.0.1:1")
    assert (done.code, "sekret" in done.err) == (2, False), done.err


def test_the_debug_log_has_nothing_that_a_password_can_be_guessed_by(glancelite: Run) -> None:
    given = {"OS_AUTH_TYPE": "http_basic", "OS_USERNAME": "u", "OS_PASSWORD": "p"}
    done = glancelite("--debug", "image", "list", **given)
    assert "Authorization: Basic ***" in done.err


def test_other_secrets_of_a_cloud_are_not_shown_either(glancelite: Run, tmp_path: Path) -> None:
    clouds = "clouds: {lite: {auth: {client_secret: hush, passcode: hush, access_token: hush}, auth_type: none}}"
    (tmp_path / "clouds.yaml").write_text(clouds)
    done = glancelite("--os-cloud", "lite", "configuration", "show", OS_ENDPOINT=None, OS_AUTH_TYPE=None)
    assert (done.code, "hush" in done.out, done.out.count("<redacted>")) == (0, False, 3), done.err


def test_what_is_no_text_in_a_cloud_is_said(glancelite: Run, tmp_path: Path) -> None:
    for text in ("timeout: [1]", "auth_type: [x]", "interface: [public, internal]"):
        (tmp_path / "clouds.yaml").write_text(f"clouds: {{lite: {{{text}, endpoint: 'http://127.0.0.1:1'}}}}")
        done = glancelite("--os-cloud", "lite", "image", "list", OS_ENDPOINT=None, OS_AUTH_TYPE=None)
        assert (done.code, "is no text and no number" in done.err) == (2, True), done.err


def test_control_characters_of_a_refusal_do_not_reach_the_terminal(glancelite: Run, canned: object) -> None:
    image = "505be7df-a7ae-452b-b804-dbb0b01bbe01"
    canned.answers["GET", f"/v2/images/{image}"] = (200, {}, {"id": image, "name": "x"})  # type: ignore[attr-defined]
    refusal = (403, {"Content-Type": "application/json"}, {"message": "no \x1b]0;owned\x07 way"})
    canned.answers["DELETE", f"/v2/images/{image}"] = refusal  # type: ignore[attr-defined]
    done = glancelite("image", "delete", image, OS_ENDPOINT=canned.url)  # type: ignore[attr-defined]
    assert (done.code, "\x1b" in done.err) == (1, False), done.err


def test_a_demo_in_a_shell_leaves_it_where_it_was(glancelite: Run, endpoint: str) -> None:
    done = glancelite(stdin=b"demo\nconfiguration show -c endpoint -f value\n")
    assert done.out.splitlines()[-1] == endpoint


def test_old_histories_are_closed_to_others(glancelite: Run, tmp_path: Path) -> None:
    from glancelite.cli import shell

    history = tmp_path / "state/glancelite/history"
    history.parent.mkdir(parents=True)
    history.touch(mode=0o644)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_STATE_HOME", str(tmp_path / "state"))
        assert shell._open_history() == str(history)
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "line", ["token revoke abc", "image list '--os-password=x'", "image create x --uri http://h/?X-Amz-Signature=s"]
)
def test_lines_with_secrets_are_in_no_history(line: str) -> None:
    from glancelite.cli.shell import _SECRET

    assert _SECRET.search(line)


def test_wide_letters_stay_within_their_column() -> None:
    from glancelite.cli.table import draw
    from glancelite.cli.text import width

    table = draw(
        ("ID", "Name"), [["1", "日本語のイメージの名前がとても長い場合はどうなるでしょうか"]], (False, False), 40
    )
    assert {width(line) for line in table.splitlines()} == {len(table.splitlines()[0])}
    assert width(table.splitlines()[0]) <= 40


def test_a_service_to_throw_away_touches_nothing_that_stays(on_host: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/real.sqlite"
    done = on_host("server", "run", "--dev", "--bind", "127.0.0.1:0", GLANCELITE_DATABASE_CONNECTION=url)
    assert (done.code, "--dev keeps nothing, but [database] connection" in done.err) == (1, True), done.err
    assert not (tmp_path / "real.sqlite").exists()


@pytest.mark.parametrize("url", ["postgresql://u:pa/s3cret@127.0.0.1/db", "postgresql://u:s3cret@127.0.0.1:99999/db",
                                 "glance:s3cret@db/glance", "mysql://u:[s3cret@h/db"])  # fmt: skip
def test_a_database_url_that_is_none_is_not_repeated(on_host: Run, tmp_path: Path, url: str) -> None:
    done = on_host("db", "check", "--data-dir", tmp_path, GLANCELITE_DATABASE_CONNECTION=url)
    assert (done.code, "s3cret" in done.err, "Traceback" in done.err) == (1, False, False), done.err


@pytest.mark.parametrize("url", ["http://127.0.0.1:x", "http://a b/", "http://[::1", "http://u:p4ss@127.0.0.1:1"])
def test_a_registry_s_url_that_is_none_is_said(on_host: Run, tmp_path: Path, url: str) -> None:
    done = on_host("registry", "ping", "--data-dir", tmp_path, GLANCELITE_REGISTRY_LOCATION=url)
    assert (done.code, "p4ss" in done.err, "Traceback" in done.err) == (1, False, False), done.err
    assert "[registry] location" in done.err


@pytest.mark.parametrize("days", ["inf", "nan", "1e300"])
def test_days_that_never_were_are_refused(on_host: Run, tmp_path: Path, days: str) -> None:
    done = on_host("db", "purge", "--age-in-days", days, "--data-dir", tmp_path)
    assert (done.code, "Traceback" in done.err) == (2, False), done.err


def test_a_closed_stream_is_no_traceback(glancelite: Run, tmp_path: Path, environ: dict[str, str]) -> None:
    import subprocess

    from harness import command

    for closed in ("<&-", ">&-", "2>&-"):
        line = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command("image", "list")]
        done = subprocess.run(line, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_an_answer_unlike_any_is_a_line_and_with_debug_shows_where(glancelite: Run, canned: Canned) -> None:
    canned.answers["GET", "/v2/info/usage"] = (200, {}, {"usage": {"image_size_total": 5}})

    done = glancelite("image", "quota", "show", OS_ENDPOINT=canned.url)
    assert (done.code, done.err.count("\n"), "--debug shows where" in done.err) == (1, 1, True), done.err
    shown = glancelite("image", "quota", "show", "--debug", OS_ENDPOINT=canned.url)
    assert (shown.code, "quota.py" in shown.err) == (1, True), shown.err


def test_a_shell_goes_on_after_an_answer_unlike_any(glancelite: Run, canned: Canned) -> None:
    canned.answers["GET", "/v2/info/usage"] = (200, {}, {"usage": {"image_size_total": 5}})

    done = glancelite(stdin=b"image quota show\ncommand list --group versions\n", OS_ENDPOINT=canned.url)
    assert ("broke down" in done.err, "Traceback" in done.err, "versions show" in done.out) == (True, False, True)
