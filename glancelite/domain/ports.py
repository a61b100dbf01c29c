"""The two interfaces the use-cases stand on: the Registry (metadata) and a Store (bytes).

Both are ordinary abstract classes with their semantics said here; each has one contract suite in tests/contract that
every implementation passes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from .context import Context
from .image import Image, Location, Member
from .limits import Bounds, DomainBounds, Usage
from .query import ImageQuery
from .signature import Claim
from .task import Ending, Task, TaskQuery

# Registry -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Intent:
    """What a blob is begun for: its image goes from `expect` to `to`, and back to `if_lost` if the process is lost.

    The image must still have the formats that its content will be checked against (None: not asked).
    `declared` are the bytes announced, counted against `quota` (bytes a project may take; None: no limit) at once.
    `task` is the one that these bytes are moved for: it must still be this process's.
    """

    key: str
    image_id: str
    store: str
    process: str
    kind: str = "upload"
    expect: str = "queued"
    to: str = "saving"
    if_lost: str = "queued"
    declared: int | None = None
    disk_format: str | None = None
    container_format: str | None = None
    quota: int | None = None
    bounds: Bounds = field(default_factory=dict)
    domain: DomainBounds | None = None
    task: str | None = None


@dataclass(frozen=True)
class Content:
    """What came of a stream: bytes, hashes in hex, and the size of the disk within (None when not known)."""

    size: int
    checksum: str | None
    os_hash_algo: str
    os_hash_value: str
    virtual_size: int | None


@dataclass(frozen=True)
class Blob:
    """A row that names bytes in a store. States: writing -> live or staged -> dropping."""

    key: str
    store: str
    state: str
    size: int | None
    image_id: str
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None


@dataclass(frozen=True)
class Finding:
    """Something that an invariant does not allow: `subject` names the image, blob or file."""

    subject: str
    sentence: str


@dataclass(frozen=True)
class RegistryStatus:
    """The database's schema (its newest migration) and whether it is the one this code wants."""

    schema: str
    is_current: bool


class Registry(ABC):
    """Metadata, sole owner of the database.

    Every method is one transaction and one round trip; it takes and returns plain values and raises only our errors.
    RegistryUnavailable means that the outcome is not known. Images that the context may not see do not exist for it.
    Times are told by the database's clock only; leases are seconds.
    """

    @abstractmethod
    def show_status(self) -> RegistryStatus:
        """Ask the database something real."""

    # images

    @abstractmethod
    def create_image(
        self, context: Context, image: Image, bounds: Bounds | None = None, domain: DomainBounds | None = None
    ) -> Image:
        """Store a new image, queued; ImageExists when its id was ever used, a deleted image's included.

        Raises LimitExceeded when its owner would have more than the bounds allow, or its owner's domain.
        """

    @abstractmethod
    def show_image(self, context: Context, image_id: str) -> Image:
        """The image with its locations; ImageNotFound."""

    @abstractmethod
    def list_images(self, context: Context, query: ImageQuery) -> tuple[Image, ...]:
        """One page; InvalidMarker when the marker is none that this caller can see."""

    @abstractmethod
    def update_image(
        self,
        context: Context,
        image: Image,
        changes: Mapping[str, Any],
        locations: tuple[Location, ...] | None = None,
        quota: int | None = None,
    ) -> Image:
        """Set fields, `properties`, `tags` and `locations` as a whole, if the image still is as it was read.

        More locations count against `quota`, bytes that the owner's images may take (QuotaExceeded).

        Bytes of ours that no location names any more are dropped. Raises ChangedMeanwhile when it is not,
        ImageNotFound when it is gone.
        """

    @abstractmethod
    def delete_image(self, context: Context, image_id: str, revision: int, delay: float | None) -> None:
        """Delete the image at this revision; its bytes may be dropped after `delay` seconds (None: at once).

        With a delay the status is pending_delete. Raises like update_image.
        """

    # members

    @abstractmethod
    def list_members(self, context: Context, image_id: str) -> tuple[Member, ...]:
        """All members of an image, the oldest first."""

    @abstractmethod
    def add_member(self, context: Context, image_id: str, member_id: str, quota: int) -> Member:
        """Enter a member, pending, if the image stands and is shared; a negative `quota` is no limit.

        Raises NotShared, MemberExists, QuotaExceeded, ImageNotFound.
        """

    @abstractmethod
    def update_member(self, context: Context, image_id: str, member_id: str, status: str) -> Member:
        """Set a member's status; MemberNotFound."""

    @abstractmethod
    def remove_member(self, context: Context, image_id: str, member_id: str) -> None:
        """Remove a member; MemberNotFound."""

    # blobs

    @abstractmethod
    def begin_blob(self, context: Context, intent: Intent) -> int | None:
        """Enter the blob as writing, its image as busy; the bytes the quota leaves it, None without a limit.

        Idempotent by key. Raises StatusConflict, ImageNotFound, QuotaExceeded, LimitExceeded.
        """

    @abstractmethod
    def commit_blob(self, context: Context, intent: Intent, content: Content, url: str) -> None:
        """The blob is live, the image active at this location: only if the work still is this process's.

        Idempotent by key. Raises Gone when the image was deleted, StatusConflict when the work was lost,
        QuotaExceeded when the bytes turned out to be too many.
        """

    @abstractmethod
    def abort_blob(self, key: str) -> str:
        """Give a writing blob up: its image goes back. The state after: dropping, live or staged (then
        keep it), or gone."""

    @abstractmethod
    def park_blob(self, context: Context, intent: Intent, content: Content, changes: Mapping[str, Any]) -> Image:
        """The blob is what its image has staged, in place of what it had; the image keeps the status of the intent.

        Idempotent by key. `changes` are fields of the image that go with the new data, and `properties` that are added
        to those it has. Raises Gone, StatusConflict, TaskLost, QuotaExceeded.
        """

    @abstractmethod
    def find_staged(self, image_id: str) -> Blob | None:
        """What the image has staged."""

    @abstractmethod
    def commit_copy(self, context: Context, intent: Intent, content: Content, url: str) -> Image:
        """The blob is live, one more place of its image, whose first one gives it size and hashes.

        Idempotent by key. Raises Gone, StatusConflict, TaskLost, QuotaExceeded; CopyDiffers when the image is known to
        have other hashes.
        """

    @abstractmethod
    def list_blobs(self, store: str, after: str, limit: int) -> tuple[Blob, ...]:
        """All blobs of a store in order of their keys, from behind `after` on."""

    @abstractmethod
    def list_writing(self, store: str, process: str) -> tuple[str, ...]:
        """Keys of the blobs that this process is taken to be writing in a store."""

    @abstractmethod
    def list_droppable(self, store: str, limit: int) -> tuple[str, ...]:
        """Keys of dropping blobs whose time has come, for a first or a last unlink."""

    @abstractmethod
    def record_unlink(self, key: str, lease: float) -> None:
        """The bytes were unlinked: the first time the row waits one lease for a second unlink, then it goes."""

    # tasks

    @abstractmethod
    def add_task(self, context: Context, task: Task) -> Task:
        """Enter a task, pending."""

    @abstractmethod
    def begin_import(
        self,
        context: Context,
        image: Image,
        changes: Mapping[str, Any],
        task: Task,
        preempted: str | None = None,
    ) -> Task:
        """Enter a task and change its image, if that still is at this revision; both or neither.

        Another task whose lock has run out fails in the same moment. Raises like update_image.
        """

    @abstractmethod
    def claim_task(self, process: str, running: tuple[str, ...]) -> Task | None:
        """The oldest task that waits for somebody, now this process's; one of its own that it is not running counts
        too. None when there is none. Raises RegistryUnavailable when the process is not known alive."""

    @abstractmethod
    def report_task(self, task_id: str, process: str, message: str, progress: str | None) -> None:
        """Say how far a task is; `progress` goes to its image too. Raises TaskLost when it is not this process's,
        ImageNotFound when its image is gone."""

    @abstractmethod
    def finish_task(self, task_id: str, process: str, ending: Ending) -> Task:
        """End a task and its work on its image, where that still is the task's; idempotent. TaskLost.

        A success is a failure where the image is gone.
        """

    @abstractmethod
    def show_task(self, context: Context, task_id: str) -> Task:
        """A task that the caller may know of: their project's, or any for an administrator. TaskNotFound."""

    @abstractmethod
    def list_tasks(self, context: Context, query: TaskQuery) -> tuple[Task, ...]:
        """One page of the tasks that have not expired; InvalidTaskMarker."""

    @abstractmethod
    def list_image_tasks(self, context: Context, image_id: str) -> tuple[Task, ...]:
        """Tasks about an image that the caller may know of, the oldest first."""

    # usage

    @abstractmethod
    def show_usage(self, context: Context, project: str) -> Usage:
        """What a project uses."""

    # processes and stores

    @abstractmethod
    def renew_process(self, process: str, lease: float) -> bool:
        """Say that a process lives for another lease. False: it was unknown (and is entered now), its work is lost."""

    @abstractmethod
    def end_process(self, process: str) -> None:
        """The process ends in order: what work it leaves is lost at once, not after its lease."""

    @abstractmethod
    def reap_processes(self) -> int:
        """Give up the work of processes whose lease has ended; how many there were."""

    @abstractmethod
    def claim_store(self, store: str, marker: str) -> str:
        """Enter a store's marker if it has none yet; the marker that the registry knows."""

    @abstractmethod
    def show_marker(self, store: str) -> str | None:
        """The marker that the registry knows for a store."""

    @abstractmethod
    def tend_store(self, store: str, process: str, lease: float) -> bool:
        """Become or stay the one process that keeps house in a store."""

    @abstractmethod
    def check_invariants(self) -> tuple[Finding, ...]:
        """What the database alone shows to be wrong."""

    # for who looks after it

    @abstractmethod
    def read_clock(self) -> float:
        """The database's time, in seconds since 1970."""

    @abstractmethod
    def find_known(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """Those of these keys that name a blob, in whichever store and state."""

    @abstractmethod
    def list_stores(self) -> tuple[str, ...]:
        """Ids of the stores that have data of images, or data that waits for its import; configured or not."""

    @abstractmethod
    def correct_size(self, key: str, size: int) -> bool:
        """Record that a live blob, and so its image, has this many bytes. False: nothing had to be changed, or it is
        not live any more."""

    @abstractmethod
    def purge_images(self, age: float, limit: int) -> int:
        """Forget all but the ids of images that were deleted `age` seconds ago or earlier, the oldest first and
        `limit` of them at most; how many."""

    def close(self) -> None:
        """Let go of all connections, here only: before a fork, and at the end. The registry stays usable."""


# Limits ---------------------------------------------------------------------------------------------------------------


class Limits(ABC):
    """What the identity service allows a project to use."""

    @abstractmethod
    def find(self, project: str) -> Mapping[str, int]:
        """A project's limit on every resource that has one, in the resource's unit; negative: none.

        Raises LimitsUnavailable.
        """

    @abstractmethod
    def find_domain(self, project: str) -> DomainBounds | None:
        """What the projects of this one's domain may use together; None where only each alone is limited.

        Raises LimitsUnavailable.
        """


# Stores ---------------------------------------------------------------------------------------------------------------


class Body(Protocol):
    """Open bytes, positioned where reading begins. A body with a `fileno` can be sent by the kernel."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class StoredFile:
    """What a listing of a store finds: `name` as the store keeps it, the blob `key` it belongs to, age in seconds."""

    name: str
    key: str
    size: int
    age: float


@dataclass(frozen=True)
class StoreStatus:
    """Can the store be used, and if not, why; free bytes where it knows them."""

    reason: str | None = None
    free: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class ForeignStore(ABC):
    """Reads bytes at places that are not ours, by the URL of a location that somebody entered.

    Such bytes have no blob: nobody here has written them, counts them or removes them.
    """

    driver: ClassVar[str]
    schemes: ClassVar[tuple[str, ...]]
    """Of the URLs that it reads."""

    def __init__(self, store_id: str) -> None:
        self.id = store_id
        self.description = ""
        self.weight = 0

    def show_properties(self) -> dict[str, Any]:
        """What an operator may want to know of it; no secrets."""
        return {}

    @abstractmethod
    def open_url(self, url: str, offset: int = 0, length: int | None = None) -> tuple[Body, int | None]:
        """The bytes from an offset on, `length` of them or all, and how many there are in all (None: not told).

        Raises DataNotFound, RangeNotServed, StoreUnavailable.
        """

    @abstractmethod
    def size_url(self, url: str) -> int:
        """How many bytes there are, 0 when it is not told; InvalidLocation for a URL no image could be read from.

        Raises StoreUnavailable when the place cannot be asked now.
        """


class Signature(ABC):
    """A signature together with the key that it is checked with."""

    algorithm: str
    """Of the digest that was signed, as hashlib names it."""

    @abstractmethod
    def fits(self, digest: bytes) -> bool:
        """Was this digest signed?"""


class KeyManager(ABC):
    """Where the certificates are that images are signed with."""

    @abstractmethod
    def open_signature(self, claim: Claim, project: str | None, token: str) -> Signature:
        """What is claimed, with the key of its certificate, read with the caller's token for this project.

        Raises SignatureRefused where it cannot be had or is of another type.
        """


class Store(ABC):
    """A place for bytes, by blob key.

    Bytes appear under their key only when `add` returns; if it raises, nothing is left. Nothing is written, unlinked or
    listed in a place that does not carry the marker the registry knows (StoreUnavailable).
    """

    driver: ClassVar[str]
    is_shared: ClassVar[bool] = True
    """Do all processes of a node see the same bytes?"""

    def __init__(self, store_id: str) -> None:
        self.id = store_id
        self.description = ""
        self.weight = 0

    def show_properties(self) -> dict[str, Any]:
        """What an operator may want to know of the place; no secrets."""
        return {}

    @abstractmethod
    def attach(self, registry: Registry) -> None:
        """Find or make the place's marker and compare it with the registry's; never raises for a place not there."""

    @abstractmethod
    def add(self, key: str, blocks: Iterable[bytes | memoryview]) -> str:
        """Keep the stream under this key, for good when it returns; its URL.

        A block is good until the next one is asked for: its buffer is used again.

        Raises StoreFull, StoreUnavailable, DataNotFound when somebody deleted the key meanwhile.
        """

    @abstractmethod
    def open(self, key: str, offset: int = 0) -> tuple[Body, int]:
        """The bytes from an offset on, and how many there are in all; DataNotFound."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove whatever there is under this key, unfinished or whole; quiet when there is nothing."""

    @abstractmethod
    def list(self) -> Iterator[StoredFile]:
        """Everything in the store, unfinished bytes and strangers included."""

    @abstractmethod
    def check(self) -> StoreStatus:
        """Ask the place something real."""


class LocalStore(Store):
    """A store whose bytes are files that programs of this node can work with."""

    @abstractmethod
    def path(self, key: str) -> Path:
        """The file of bytes that are there, for reading only."""

    @abstractmethod
    def fill(self, key: str, write: Callable[[Path], None]) -> int:
        """Let `write` make the file, at a path where none is, and keep it as `add` does; its size in bytes.

        Raises as `add` does, and whatever `write` raises; then nothing is left.
        """
