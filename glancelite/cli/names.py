"""Names of the service's images, stores and tasks for completion: asked for once in half a minute, kept in a file.

Whoever presses TAB waits no longer than a moment: a process of its own asks, and goes on for the next TAB when the
answer comes too late for this one. Whatever goes wrong, there are just no names.
"""

import contextlib
import hashlib
import json
import os
import select
import signal
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from .options import collect
from .session import Session, name_access

if TYPE_CHECKING:
    from glancelite.client.auth import Login

Names = list[tuple[str, str]]
"""ID and name of each; the name is empty where there is none."""

PATIENCE, LONGEST, FRESH = 0.3, 10, 30.0
"""Seconds: that a TAB waits, that a question takes, that an answer counts."""
MOST = 1000
"""Images: a page of the service."""
_WHO = (
    "endpoint", "auth_url", "auth_type", "username", "user_id", "user_domain_name", "user_domain_id", "project_name",
    "project_id", "project_domain_name", "project_domain_id", "domain_name", "domain_id", "system_scope", "token",
    "application_credential_id", "application_credential_name", "region_name", "interface", "cert", "key",
    "default_domain",
)  # fmt: skip
"""Settings that say which service is asked, and who asks."""


def complete(noun: str, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """What begins like this: names, and the IDs of what is not told apart by its name."""
    try:
        found = _find(noun, collect(ctx, os.environ), ctx.ensure_object(Session))
    except (click.ClickException, OSError, RuntimeError, ValueError):
        return []
    seen = Counter(name for _, name in found)
    told_apart = {name for name in seen if name and seen[name] == 1 and name.isprintable()}
    shown = [name if name in told_apart else key for key, name in found]
    shown += [key for key, name in found if incomplete and name in told_apart]
    return [CompletionItem(each) for each in shown if each.startswith(incomplete) and not each.startswith("-")]


def forget(settings: Mapping[str, Any]) -> None:
    """Something changed: the next TAB asks again."""
    for noun in _QUESTIONS:
        with contextlib.suppress(OSError, RuntimeError):  # there is no home, or none that is ours
            _file(noun, settings).unlink(missing_ok=True)


def _find(noun: str, settings: dict[str, Any], session: Session) -> Names:
    file = _file(noun, settings)
    if (known := _read(file)) is not None:
        return known
    login, _ = session.opened.get(name_access(settings), (None, None))
    _ask_aside(noun, settings, login, file)
    return _read(file) or []


def _file(noun: str, settings: Mapping[str, Any]) -> Path:
    who = hashlib.sha256(repr([settings.get(key) for key in _WHO]).encode(errors="surrogateescape")).hexdigest()[:32]
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "glancelite" / f"{noun}-{who}.json"


def _read(file: Path) -> Names | None:
    try:
        if not 0 <= time.time() - file.stat().st_mtime < FRESH:
            return None
        return [(str(key), str(name)) for key, name in json.loads(file.read_bytes())]
    except (OSError, ValueError, TypeError):
        return None


def _write(file: Path, names: Names) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump(names, stream)
    part.replace(file)


def _ask_aside(noun: str, settings: Mapping[str, Any], login: "Login | None", file: Path) -> None:
    """Ask in a process that nobody has to wait for, and wait a moment."""
    ended, end = os.pipe()
    if child := os.fork():
        os.close(end)
        os.waitpid(child, 0)
        select.select([ended], [], [], PATIENCE)
        os.close(ended)
        return
    try:
        if os.fork() == 0:
            _quieten()
            _write(file, _QUESTIONS[noun](settings, login))
    finally:
        os._exit(0)


def _quieten() -> None:
    """No word reaches the terminal or the shell that reads our output, and no process stays for ever."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nowhere, handle)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LONGEST)


def _open(settings: Mapping[str, Any], login: "Login | None") -> Any:
    from glancelite import __version__
    from glancelite.client.auth import log_in
    from glancelite.client.transport import Transport

    return Transport(login or log_in(settings), settings, f"glancelite/{__version__}")


def _ask_images(settings: Mapping[str, Any], login: "Login | None") -> Names:
    from glancelite.client.images import Images

    images = Images(_open(settings, login)).list([("sort", "name:asc")], MOST, MOST)
    return [(image["id"], image.get("name") or "") for image in images]


def _ask_stores(settings: Mapping[str, Any], login: "Login | None") -> Names:
    from glancelite.client.offers import Offers

    return [(store["id"], "") for store in Offers(_open(settings, login)).stores()]


def _ask_tasks(settings: Mapping[str, Any], login: "Login | None") -> Names:
    from glancelite.client.tasks import Tasks

    return [(task["id"], "") for task in Tasks(_open(settings, login)).list((), 100, 100)]


_QUESTIONS = {"image": _ask_images, "store": _ask_stores, "task": _ask_tasks}
