"""What goes wrong is one line: what failed, which image, the service's own sentence, the id of the request."""

import time

import pytest

ID = "505be7df-a7ae-452b-b804-dbb0b01bbe01"
JSON, HTML, TEXT = "application/json", "text/html; charset=UTF-8", "text/plain; charset=UTF-8"


AS_GLANCE = {"message": "It &lt;went&gt; wrong.<br /><br />\n\n\n", "code": "403 Forbidden", "title": "Forbidden"}
AS_KEYSTONE = {"error": {"message": "It &lt;went&gt; wrong.", "code": 403, "title": "Forbidden"}}
AS_PAGE = (
    b"<html><head><title>403 Forbidden</title></head>\n<body><h1>403 Forbidden</h1>\n"
    b"It &lt;went&gt;\n wrong.<br /><br /></body></html>"
)
AS_TEXT = b"403 Forbidden\n\nIt &lt;went&gt; wrong.\n"


@pytest.mark.parametrize(("kind", "body"), [(JSON, AS_GLANCE), (JSON, AS_KEYSTONE), (HTML, AS_PAGE), (TEXT, AS_TEXT)])
def test_the_services_sentence_is_found_in_every_form(glancelite, canned, kind, body):
    canned.answers["GET", f"/v2/images/{ID}"] = (403, {"Content-Type": kind, "x-openstack-request-id": "req-7"}, body)

    done = glancelite("image", "show", ID, OS_ENDPOINT=canned.url)

    assert done.code == 1
    assert done.out == ""
    assert done.err == f"Error: Cannot show image '{ID}': It <went> wrong. (HTTP 403, request req-7)\n"


@pytest.mark.parametrize(
    ("status", "kind", "body", "said"),
    [
        (502, HTML, b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center>"
         b"<hr><center>nginx</center></body></html>", "nginx (HTTP 502)"),
        (503, JSON, b"not json", "not json (HTTP 503)"),
        (500, TEXT, b"", "Internal Server Error (HTTP 500)"),
        (599, TEXT, b"", "The service gave no reason. (HTTP 599)"),
    ],
)  # fmt: skip
def test_what_stands_before_a_service_is_heard_too(glancelite, canned, status, kind, body, said):
    canned.answers["GET", "/v2/images"] = (status, {"Content-Type": kind}, body)

    done = glancelite("image", "list", OS_ENDPOINT=canned.url)

    assert (done.code, done.err) == (1, f"Error: Cannot list images: {said}\n")


def test_a_service_that_is_not_there_is_named(glancelite):
    done = glancelite("image", "list", OS_ENDPOINT="http://127.0.0.1:1")

    assert done.code == 1
    assert done.err == "Error: Cannot list images: No service answers at http://127.0.0.1:1 (Connection refused).\n"


def test_a_host_that_is_not_there_is_named(glancelite):
    done = glancelite("image", "list", OS_ENDPOINT="http://nothing.invalid:9292")

    assert (done.code, done.err) == (
        1,
        "Error: Cannot list images: The host of http://nothing.invalid:9292 cannot be found.\n",
    )


def test_a_service_without_tls_is_said_to_have_none(glancelite, canned):
    url = canned.url.replace("http:", "https:")

    done = glancelite("image", "list", OS_ENDPOINT=url)

    assert done.code == 1
    assert done.err.startswith(f"Error: Cannot list images: TLS with {url} failed: ")


def test_a_service_that_does_not_answer_is_given_up(glancelite, canned):
    canned.answers["GET", "/v2/images"] = lambda handler: time.sleep(2)

    done = glancelite("image", "list", "--timeout", "0.3", OS_ENDPOINT=canned.url)

    assert (done.code, done.err) == (1, f"Error: Cannot list images: {canned.url} did not answer in time.\n")


@pytest.mark.parametrize(
    "answer", [(200, {}, b"<html>hello</html>"), (200, {}, {"hello": 1}), (300, {}, {"versions": []}), (302, {}, b"")]
)
def test_something_that_is_no_image_service_is_told_apart(glancelite, canned, answer):
    canned.answers["GET", "/v2/images"] = answer

    done = glancelite("image", "list", OS_ENDPOINT=canned.url)

    assert done.code == 1
    assert done.err.startswith(f"Error: Cannot list images: What answers at {canned.url} ")
    assert len(done.err.splitlines()) == 1


def test_a_delete_stops_when_the_service_goes_away(glancelite, canned):
    canned.answers["GET", f"/v2/images/{ID}"] = lambda handler: setattr(handler, "close_connection", True)

    done = glancelite("image", "delete", ID, ID, OS_ENDPOINT=canned.url)

    assert done.code == 1
    assert done.err.startswith(f"Error: Cannot delete images: The connection to {canned.url} broke: ")
    assert len(canned.requests) == 1


def test_control_characters_in_a_sentence_are_escaped(glancelite, canned):
    canned.answers["GET", "/v2/images"] = (400, {"Content-Type": TEXT}, b"400 Bad Request\n\nbad \x1b[2Jname")

    assert "bad \\x1b[2Jname" in glancelite("image", "list", OS_ENDPOINT=canned.url).err


def test_debug_shows_requests_without_secrets(glancelite, canned):
    canned.answers["GET", "/v2/images"] = (200, {"X-Thing": "1"}, {"images": []})
    words = ("image", "list", "-f", "json", "--os-auth-type", "token", "--os-token", "verysecret")

    done = glancelite(*words, "--debug", OS_ENDPOINT=canned.url)

    assert done.json == []
    assert f"curl -i -X GET '{canned.url}/v2/images?sort=name%3Aasc'" in done.err
    assert "< X-Thing: 1" in done.err
    assert "X-Auth-Token: {SHA256}" in done.err
    assert "verysecret" not in done.err
    assert glancelite(*words, GLANCELITE_DEBUG="0", OS_ENDPOINT=canned.url).err == ""


def test_debug_shows_where_an_error_came_from(glancelite):
    done = glancelite("image", "list", "--debug", OS_ENDPOINT="http://127.0.0.1:1")

    assert done.code == 1
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("Error: Cannot list images: No service answers")


def test_verbose_names_the_requests_and_timing_counts_them(glancelite, canned):
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": []})

    verbose = glancelite("image", "list", "-v", "-f", "json", OS_ENDPOINT=canned.url)
    timed = glancelite("image", "list", "--timing", "-f", "json", OS_ENDPOINT=canned.url)
    below = glancelite("image", "list", "--timing", OS_ENDPOINT=canned.url)

    assert f"GET {canned.url}/v2/images?sort=name%3Aasc -> 200 in " in verbose.err
    assert timed.json == []
    assert "| Total" in timed.err
    assert below.err == ""
    assert "| Total" in below.out
