"""A row about how a download leaves: the bytes that sendfile sent, as strace saw them."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from bench import deployments
from bench.lines import Line, Verdict
from bench.suite import Suite
from bench.target import SHIPPED, TITLES, UWSGI, NotMeasured, Target

_SENT = re.compile(r"sendfile(?:64)?\(.*\) += (\d+)$|<\.\.\. sendfile(?:64)? resumed>.*\) += (\d+)$", re.M)
Start = Callable[[Path, tuple[str, ...]], AbstractContextManager[Target]]
_STARTS: dict[str, Start] = {
    SHIPPED: deployments.shipped,
    UWSGI: lambda place, prefix: deployments.behind_nginx(place, front_prefix=prefix),
}
"""What sends the data is watched: of the last one, nginx."""


def sendfile(suite: Suite) -> Iterator[Line]:
    """Services under strace, apart from those that are timed: it makes all calls slow."""
    for name, start in _STARTS.items():
        if name in suite.only:
            yield _watch(suite, name, start)


def _watch(suite: Suite, name: str, start: Start) -> Line:
    title = "bytes of a download that sendfile sent"
    if shutil.which("strace") is None:
        return Line("sendfile", title, TITLES[name], "not measured: strace is not installed")
    file, place = suite.data(64), suite.new_place()
    calls = place / "calls"
    try:
        words = ("strace", "-I2", "-f", "-qq", "-e", "trace=sendfile,sendfile64", "-o", str(calls))
        with start(place, words) as target:
            client = target.client()
            image = client.create()
            client.upload(image["id"], file)
            length = client.download(image["file"])
            client.close()
    except NotMeasured as reason:
        return Line("sendfile", title, TITLES[name], f"not measured: {reason}")
    sent = sum(int(one or other) for one, other in _SENT.findall(calls.read_text()))
    share = sent / length
    verdict = Verdict("all of them", share, share >= 1)
    return Line("sendfile", title, TITLES[name], f"{sent:,} of {length:,}", "", (), (verdict,))
