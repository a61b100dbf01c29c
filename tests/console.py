"""Runs what a page shows in `console` blocks, and compares what it prints with what the page says.

The blocks of a page are one session in a shell, in a directory and with a home of its own. What follows a command is
its output: ids, times and hashes may differ, and `…` stands for anything. The ports of a page stand for free ones.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import environment, free_port

ROOT = Path(__file__).parents[1]
API, REGISTRY, KEYSTONE = "9292", "9191", "5000"
"""The ports of pages."""
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.S | re.M)
VARYING = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\b[0-9a-f]{128}\b|\b[0-9a-f]{32}\b"
)

PRELUDE = """
set -o pipefail
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
answers() {{ exec 3<>/dev/tcp/127.0.0.1/$1 && printf 'GET /healthcheck HTTP/1.0\\r\\n\\r\\n' >&3 && read -r <&3; }}
wait_for() {{ for _ in $(seq 400); do (answers $1) 2>/dev/null && return; sleep 0.05; done; return 1; }}
# The commands of a target, in this environment instead of one that make would build; tests do not run the tests.
make() {{
    local last; last=$(command make --no-print-directory -C {root} -n "$@" | tail -1) || return
    [ "$1" = test ] || (cd {root} && bash -c "${{last//.venv\\/bin\\//{bin}/}}")
}}
command -v openstack >/dev/null || openstack() {{ glancelite "$@"; }}
"""


@dataclass
class Step:
    """A command of a page and the output that the page shows."""

    command: str
    shown: str


def read_steps(text: str) -> list[Step]:
    """The commands of a page's console blocks, in order."""
    steps: list[Step] = []
    for line in "".join(BLOCK.findall(text)).splitlines():
        if line.startswith("$ "):
            steps.append(Step(line[2:], ""))
        elif line.startswith(">"):
            steps[-1].command += "\n" + line[2:]
        else:
            steps[-1].shown += line + "\n"
    return steps


def make_script(steps: list[Step], ports: dict[str, int]) -> str:
    """A script that runs the steps and says where each begins and how it ended."""
    lines = [PRELUDE.format(root=ROOT, bin=Path(sys.executable).parent)]
    for number, step in enumerate(steps):
        command = _with_ports(step.command, ports)
        port = ports[REGISTRY if "run registry" in command else API]
        lines += [f"export GLANCELITE_SERVER_BIND=127.0.0.1:{port}", f"printf '@@@ {number}\\n'", command]
        if command.endswith("&"):
            lines.append(f"wait_for {port}")
        lines.append(f"printf '\\n@@@ {number} ended %d\\n' $?")
    return "\n".join(lines) + "\n"


def _with_ports(text: str, ports: dict[str, int]) -> str:
    return re.sub(rf"127\.0\.0\.1:({'|'.join(ports)})\b", lambda found: f"127.0.0.1:{ports[found[1]]}", text)


def run(script: str, home: Path, programs: tuple[Path, ...] = (), seconds: int = 100) -> str:
    """What a script prints, on both of its outputs. `programs` are folders of programs that it finds, too."""
    folders = [Path(sys.executable).parent, *programs]
    settings = {"HOME": str(home), "PYTHONWARNINGS": "ignore"}
    settings["PATH"] = ":".join([*map(str, folders), os.environ["PATH"]])
    process = subprocess.Popen(
        ["bash", "-c", script], cwd=home, env=environment(settings), text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise AssertionError(process.communicate()[0]) from None


def is_as_shown(output: str, shown: str) -> bool:
    """Is this the output that the page shows? A page that shows none says nothing about it."""
    if not shown.strip():
        return True
    pattern = ".*?".join(re.escape(VARYING.sub("~", part)) for part in shown.strip().split("…"))
    return bool(re.fullmatch(pattern, VARYING.sub("~", output).strip(), re.S))


def check(page: Path, home: Path, ports: Mapping[str, int] | None = None, **how: Any) -> None:
    """Every command of this page ends well and prints what the page shows; `ports` are those that are taken by others.

    The rest is `run`'s.
    """
    steps = read_steps(page.read_text())
    found_at = {API: free_port(), REGISTRY: free_port()} | dict(ports or {})

    printed = run(make_script(steps, found_at), home, **how)

    for name, port in found_at.items():
        printed = printed.replace(f"127.0.0.1:{port}", f"127.0.0.1:{name}")
    for number, step in enumerate(steps):
        found = re.search(rf"@@@ {number}\n(.*)\n@@@ {number} ended (\d+)\n", printed, re.S)
        assert found, printed
        output = re.sub(r" +$", "", found[1], flags=re.M)
        assert found[2] == "0", f"$ {step.command}\n{output}\nended with {found[2]}"
        assert is_as_shown(output, re.sub(r" +$", "", step.shown, flags=re.M)), f"$ {step.command}\n{output}"
