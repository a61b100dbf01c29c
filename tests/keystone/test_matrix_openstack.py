"""The matrix of test_matrix.py again, said with the unmodified `openstack` by callers who bear tokens of Keystone."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clients.cloud import client

from glancelite.api.operations import OPERATIONS

from .conftest import Cast, Image
from .test_cli import PEER
from .test_matrix import ROWS, WHO

# What to say for a row of the matrix; {new} is a name that nobody has, {disk} a file of data, {copy} one not yet there.
# fmt: off
SAID: dict[str, str] = {
    "create_image":         "image create {new}",
    "create_image public":  "image create {new} --public",
    "list_images":          "image list",
    "show_image":           "image show {id}",
    "update_image":         "image set {id} --property colour=red",
    "update_image public":  "image set {id} --public",
    "delete_image":         "image delete {id}",
    "download_image":       "image save {id} --file {copy}",
    "add_tag":              "image set {id} --tag new",
    "remove_tag":           "image unset {id} --tag old",
    "deactivate_image":     "image set {id} --deactivate",
    "reactivate_image":     "image set {id} --activate",
    "add_member":           "image add project {id} limited",
    "list_members":         "image member list {id}",
    "show_member":          "image member get {id} {abroad}",
    "update_member":        "image set {id} --accept --project {abroad}",
    "remove_member":        "image remove project {id} {abroad}",
    "remove_copy":          "image delete {id} --store cheap",
    "list_stores":          "image stores list",
    "list_store_details":   "image stores list --detail",
    "show_import_methods":  "image import info",
}

# What `openstack` says of an image of its own making, where the matrix has one that somebody else made.
OF_ITS_OWN: tuple[tuple[str, str, str], ...] = (
    ("upload_image", "image create {new} --file {disk}", "401 204 403 204 204 204 403"),
)
# fmt: on

ASKS_FOR = {"add_tag": "update_image"}
"""Operations that `openstack` does by another one: it sends all tags of the image, old and new, in a patch."""

UNHEEDED = {"deactivate_image", "reactivate_image"}
"""Operations of which `openstack` does not look at the answer: it ends well although it was refused."""

NOT_TO_BE_SAID = {
    "show_usage": "no command: `quota show` asks compute, volumes and networks only",
    "show_openapi": "no command",
    "show_image_schema": "no command",
    "show_images_schema": "no command",
    "show_member_schema": "no command",
    "show_members_schema": "no command",
    "show_task_schema": "no command",
    "show_tasks_schema": "no command",
    "list_image_tasks": "no command: `image task list` asks for all tasks",
    "add_location": "no command",
    "list_locations": "no command",
    "create_task": "no command",
}
"""Operations that `openstack` has no words for, and why."""
ELSEWHERE = {"stage_image", "import_image", "list_tasks", "show_task"}
"""Operations that need data or a task of their own: tests/clients says them."""


@dataclass(frozen=True)
class Spoken:
    """What a command came to: its exit code, and the service's answers to it as (method, path, status)."""

    code: int
    asked: tuple[tuple[str, str, int], ...]
    err: str

    @property
    def refused(self) -> int:
        """The first refusal, which is the one that stopped it: of an image not seen it goes on to look by name."""
        return next((status for _, _, status in self.asked if status >= 400), 0)

    def did(self, operation: str) -> bool:
        """Whether this operation was asked for, and done."""
        (row,) = [row for row in OPERATIONS if row.name == ASKS_FOR.get(operation, operation)]
        path = re.compile(re.sub("<[a-z_]+>", "[^/?]+", row.path) + r"(\?.*)?")
        return any(
            method == row.method and path.fullmatch(where) and status < 300 for method, where, status in self.asked
        )


Say = Callable[[str, str, Image], Spoken]


@pytest.fixture(scope="module")
def shell(cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[list[str]], dict[str, Any]]]:
    """Runs `openstack` with these words, beside a clouds.yaml that has all callers; the program is loaded once."""
    home = tmp_path_factory.mktemp("openstack")
    (home / "clouds.yaml").write_text(json.dumps(clouds(cast)))
    words = [client("openstack", PEER) / "python", Path(__file__).with_name("openstack_shell.py")]
    with subprocess.Popen(
        words, cwd=home, env={"HOME": str(home)}, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout

        def run(words: list[str]) -> dict[str, Any]:
            process.stdin.write(json.dumps(words) + "\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
            return answer

        yield run
        process.stdin.close()


@pytest.fixture
def say(shell: Callable[[list[str]], dict[str, Any]], cast: Cast, name: str, tmp_path: Path) -> Say:
    """Has a caller say this of an image."""
    (tmp_path / "disk").write_bytes(b"data")

    def speak(who: str, words: str, image: Image) -> Spoken:
        filled = {"new": name, "disk": tmp_path / "disk", "copy": tmp_path / f"copy-{who}", **image}
        found = shell(["--os-cloud", who, *(word.format(**filled) for word in words.split())])
        # What names a project asks Keystone for it first: a refusal there counts where the service was never asked.
        asked = [one for one in found["asked"] if one[0] == cast.url] or found["asked"]
        return Spoken(
            found["code"], tuple((method, path, status) for _, method, path, status in asked), found["err"][-1500:]
        )

    return speak


def clouds(cast: Cast) -> dict[str, Any]:
    """Each caller as a cloud of clouds.yaml: with a token, which is what the service is shown whatever the login."""

    def describe(who: str) -> dict[str, Any]:
        token = "of no Keystone" if who == "nobody" else getattr(cast, who).token
        auth = {"auth_type": "admin_token", "auth": {"token": token, "endpoint": f"{cast.url}/v2"}}
        return auth | {"identity_endpoint_override": cast.keystone.url, "identity_api_version": "3"}

    return {"clouds": {who: describe(who) for who in WHO}}


def check(say: Say, operation: str, words: str, expected: str, make: Callable[[], Image]) -> None:
    for who, status in zip(WHO, map(int, expected.split()), strict=True):
        spoken = say(who, words, make())
        if status < 300:
            assert (who, spoken.code, spoken.refused) == (who, 0, 0), spoken.err
            assert spoken.did(operation), (who, spoken.asked)
        else:
            assert (who, spoken.refused) == (who, status), (spoken.asked, spoken.err)
            assert spoken.code == 1 or operation in UNHEEDED, (who, spoken.asked)


SAYABLE = [row for row in ROWS if row[0] in SAID]


@pytest.mark.parametrize(
    ("operation", "kind", "expected"),
    [(operation, kind, expected) for operation, kind, _, expected in SAYABLE],
    ids=[f"{row[0]} {row[1]}" for row in SAYABLE],
)
def test_openstack_succeeds_and_is_refused_as_the_matrix_says(say, make, operation, kind, expected):
    check(say, operation.partition(" ")[0], SAID[operation], expected, lambda: make(kind))


@pytest.mark.parametrize(("operation", "words", "expected"), OF_ITS_OWN)
def test_openstack_succeeds_and_is_refused_with_an_image_of_its_own(say, operation, words, expected):
    check(say, operation, words, expected, dict)


def test_every_operation_is_said_or_cannot_be():
    said = {row.partition(" ")[0] for row in SAID} | {row[0] for row in OF_ITS_OWN}

    assert said | ELSEWHERE | set(NOT_TO_BE_SAID) == {operation.name for operation in OPERATIONS}
    assert not said & set(NOT_TO_BE_SAID)
    assert set(SAID) <= {row[0] for row in ROWS}, "a row of the matrix has another name now"
