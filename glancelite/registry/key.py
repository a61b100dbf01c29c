"""The secret that API and registry daemon share: configured, or made with mode 0600 in the data directory."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from ..config import Config
from ..errors import ConfigError

FILE = "registry.key"


def registry_key(config: Config) -> bytes:
    """The key; made, once, where none is configured. Raises ConfigError where it cannot be kept."""
    configured = config["registry.key"]
    if configured:
        return str(configured).encode()
    path = config.data_dir / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise ConfigError(reason=f"The registry key {path} can be read by others; set its mode to 0600.")
        return path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(reason=f"The registry key {path} cannot be used: {error.strerror}.") from error


def _make(path: Path) -> None:
    """Written aside and linked into place: of two that start at once, both end with the same key."""
    new = path.with_name(f"{FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(new, path)
    finally:
        new.unlink(missing_ok=True)
