"""Responses: sent by the kernel where they come from a file, whole or visibly cut."""

import http.client
import json

import pytest

CONTENT = bytes(range(256)) * (64 << 12)


def sendfiles(target):
    return json.loads(target.get("/sendfiles").body)


def test_a_file_is_sent_by_the_kernel(start):
    target = start()
    answers = target.get("/file")
    assert answers.body == CONTENT
    calls = sendfiles(target)
    assert sum(sent for _, sent in calls) == len(CONTENT)
    assert calls[0][0] == 0


@pytest.mark.parametrize(("offset", "length"), [(0, 1), (1, 10), (1_000_003, 5_000_001), (len(CONTENT) - 7, 7)])
def test_a_range_of_a_file_is_sent_by_the_kernel(start, offset, length):
    target = start()
    answers = target.get(f"/file?{offset}-{length}")
    assert answers.body == CONTENT[offset : offset + length]
    calls = sendfiles(target)
    assert calls[0][0] == offset
    assert sum(sent for _, sent in calls) == length


@pytest.mark.parametrize(("length", "is_held"), [(4 << 20, 0), ((4 << 20) + 1, 1)])
def test_a_long_file_leaves_in_full_segments_and_what_follows_at_once(start, length, is_held):
    target = start()
    connection = http.client.HTTPConnection(*target.address, timeout=30)
    connection.request("GET", f"/file?0-{length}")
    assert connection.getresponse().read() == CONTENT[:length]

    connection.request("GET", "/held")
    then, now = json.loads(connection.getresponse().read())

    assert (set(then), now) == ({is_held}, 0)
    connection.close()


def test_the_headers_alone_answer_head_and_the_file_is_not_touched(start):
    target = start()
    answers = target.ask(b"HEAD /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answers.statuses == [200]
    assert b"Content-Length: %d" % len(CONTENT) in answers.head
    assert answers.body == b""
    assert target.stderr.read_text() == ""


def test_a_file_that_is_shorter_than_promised_ends_the_connection(echo):
    answers = echo.ask(b"GET /file?%d-100 HTTP/1.1\r\nHost: x\r\n\r\n" % (len(CONTENT) - 10))
    assert answers.body == CONTENT[-10:]
    assert answers.closed


def test_an_answer_that_is_shorter_than_promised_ends_the_connection(echo):
    answers = echo.ask(b"GET /short HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answers.body == b"five!"
    assert answers.closed


def test_an_answer_without_a_length_goes_out_in_chunks(echo):
    answers = echo.get("/stream")
    assert answers.body == b"4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"


def test_a_streamed_answer_that_fails_has_no_end(echo):
    answers = echo.get("/break")
    assert answers.statuses == [200]
    assert answers.body == b"6\r\nhalf, \r\n"
    assert answers.closed


def test_an_error_after_start_response_replaces_what_was_said(echo):
    answers = echo.get("/correct")
    assert answers.statuses == [500]
    assert answers.head.lower().count(b"content-length") == 1
    assert answers.body == b"sorry"
