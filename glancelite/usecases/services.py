"""What a use-case receives: the configuration, the two ports, the policy, and what this process is busy with."""

import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..config import Config
from ..domain.policy import Policy
from ..domain.ports import ForeignStore, KeyManager, Limits, LocalStore, Registry, Store
from ..domain.protections import Protections
from ..domain.schemas import Schema
from ..domain.validate import Validator


class Stores(Protocol):
    """The stores that a use-case may choose from."""

    @property
    def default(self) -> Store: ...

    @property
    def is_multi(self) -> bool: ...

    @property
    def staging(self) -> LocalStore: ...

    @property
    def places(self) -> tuple[Store, ...]: ...

    def __iter__(self) -> Iterator[Store]: ...

    def get(self, store_id: str) -> Store | None: ...

    @property
    def foreign(self) -> Mapping[str, ForeignStore]: ...

    def find_foreign(self, url: str) -> ForeignStore | None: ...

    def attach(self, registry: Registry) -> None: ...


@dataclass
class Services:
    """The bundle. `process` names this process in the registry; it is drawn anew after a fork.

    `writing` has the keys of the blobs that requests write right now: what else the registry takes this process to be
    writing is left over from an answer that was lost, and housekeeping gives it up. `wake` calls for housekeeping,
    `new_task` for who works on tasks.
    """

    config: Config
    registry: Registry
    stores: Stores
    policy: Policy
    protections: Protections
    schemas: dict[str, Schema]
    validator: Validator
    limits: Limits | None = None
    """None where limits are off."""
    keys: KeyManager | None = None
    """None where there is no key manager."""
    hash_digits: int = 128
    """Hexadecimal digits of os_hash_value."""
    nullable: frozenset[str] = frozenset()
    """Additional properties that may be null."""
    writing: set[str] = field(default_factory=set)
    wake: threading.Event = field(default_factory=threading.Event)
    new_task: threading.Event = field(default_factory=threading.Event)
    tokens: dict[str, str] = field(default_factory=dict)
    """Tokens of callers, by task, for those that ask another service in their name; never written down."""
    process: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def storage_quota(self) -> int | None:
        """Most bytes that the images of a project may take; None: any number."""
        quota: int = self.config["user_storage_quota"]
        return quota if quota > 0 else None

    @property
    def lease(self) -> float:
        return float(self.config["registry.lease_seconds"])
