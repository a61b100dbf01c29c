"""A worker process: one loop that waits for clients, and a pool of threads that serve them.

gunicorn's threaded worker, but for one thing: a connection gets a thread when the head of its request is complete and
gives it back with the response, or a moment later. Whoever is slow before or after that costs a socket, not a thread.
"""

import enum
import os
import selectors
import signal
import socket
import time
from functools import partial
from typing import Any

from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker

from ..errors import GlanceliteError
from .connection import BodyError, ClientGone, Connection
from .reply import Reply
from .request import Refusal, read_request

SWEEP_SECONDS = 0.25
LAST_CALL_SECONDS = 0.5
"""How long a stopping worker still listens to clients that had nothing to answer when it was told to stop."""
ABORT_SECONDS = 3.0
"""How long requests that outlived the drain have to clean up once their clients are cut off."""
STAY_SECONDS = 0.005
"""How long a thread waits for its client's next request before it gives the connection back to the loop."""
LINGER_SECONDS, LINGER_IDLE_SECONDS = 30.0, 5.0


class Outcome(enum.Enum):
    """What becomes of a connection after a request."""

    KEEP = enum.auto()
    LINGER = enum.auto()
    DROP = enum.auto()


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Serves `app.served` with the limits of `app.settings`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings = self.app.settings
        self.waiting: dict[Connection, None] = {}  # In the order they began to wait.
        self.running: set[Connection] = set()
        self.next_sweep = 0.0
        self.paused = False

    def init_signals(self) -> None:
        super().init_signals()
        # A terminal tells the whole process group; the master tells its workers what to do.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def run(self) -> None:
        """Serve until told to stop, then drain."""
        self.poller.register(self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks)
        while self.alive and self.is_parent_alive():
            self.set_accept_enabled(self.has_room() and not self.paused)
            self.turn(SWEEP_SECONDS if self.waiting else 1.0)
        self.drain()
        self.app.served.stop()

    def turn(self, timeout: float) -> None:
        """One turn of the loop."""
        self.notify()
        self.wait_for_and_dispatch_events(timeout)
        if time.monotonic() >= self.next_sweep:
            self.sweep()

    # Connections that wait: for a request, or to be gone ----------------------------------------------------------

    def has_room(self) -> bool:
        """Whether another connection fits; the one that has waited longest makes way for it."""
        full = len(self.waiting) + len(self.running) >= self.worker_connections
        if full and self.waiting:
            self.drop(next(iter(self.waiting)))
            return True
        return not full

    def accept(self, listener: socket.socket) -> None:
        """Take in a new connection."""
        try:
            sock, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # Another worker was quicker, or the client has given up.
        except OSError as error:
            self.log.warning("No new connections for a moment: %s", error)
            self.paused = True
            return
        connection = Connection(sock, client[:2], listener.getsockname(), self.settings)
        self.wait_for(connection)

    def wait_for(self, connection: Connection) -> None:
        """Watch a connection until there is something to do."""
        self.waiting[connection] = None
        self.poller.register(connection.sock, selectors.EVENT_READ, partial(self.attend, connection))

    def forget(self, connection: Connection) -> None:
        """Stop watching a connection."""
        del self.waiting[connection]
        self.poller.unregister(connection.sock)

    def drop(self, connection: Connection) -> None:
        """Close a connection that was being watched."""
        self.forget(connection)
        connection.sock.close()

    def attend(self, connection: Connection, _sock: socket.socket) -> None:
        """Take what a watched client has sent."""
        if connection.lingering:
            connection.deadline = min(connection.linger_end, time.monotonic() + LINGER_IDLE_SECONDS)
            if not connection.discard():
                self.drop(connection)
            return
        if not connection.has_bytes and connection.requests:
            connection.deadline = time.monotonic() + self.settings.header_timeout
        if not connection.collect():
            self.drop(connection)
        elif connection.has_head():
            self.forget(connection)
            self.serve(connection)

    def sweep(self) -> None:
        """Close the connections whose time is up."""
        now = time.monotonic()
        self.next_sweep, self.paused = now + SWEEP_SECONDS, False
        for connection in [waiting for waiting in self.waiting if waiting.deadline <= now]:
            if connection.has_bytes:
                limit = self.settings.header_timeout
                reason = f"The request's headers were not complete within {limit:g} seconds."
                connection.refuse(408, reason, flags=socket.MSG_DONTWAIT)
            self.drop(connection)

    # Connections that are served ----------------------------------------------------------------------------------

    def serve(self, connection: Connection) -> None:
        """Give a connection to a thread."""
        self.running.add(connection)
        try:
            self.tpool.submit(self.handle, connection)
        except RuntimeError as error:
            # No new thread can be started; the request stays in the queue for those that there are.
            self.log.warning("A request has to wait: %s", error)

    def handle(self, connection: Connection) -> None:
        """Serve a request, and those that follow it at once; runs in a thread."""
        outcome = Outcome.DROP
        try:
            outcome = self.answer(connection)
            while outcome is Outcome.KEEP and self.may_stay() and connection.await_head(STAY_SECONDS):
                outcome = Outcome.DROP
                outcome = self.answer(connection)
        except ClientGone as gone:
            self.log.debug("%s: %s", connection.client[0], gone)
        except Exception:
            self.log.exception("A connection from %s is given up", connection.client[0])
        finally:
            self.method_queue.defer(self.settle, connection, outcome)

    def may_stay(self) -> bool:
        """Whether a thread may wait a moment for its client: while there are others for the other clients. It spares
        both the way through the loop, which costs as much as a small request."""
        return self.alive and len(self.running) < self.settings.threads

    def answer(self, connection: Connection) -> Outcome:
        """Read a request and send its response."""
        try:
            request = read_request(self.cfg, connection)
        except Refusal as refusal:
            self.log.warning("Refused a request from %s: %.200s", connection.client[0], refusal)
            connection.refuse(refusal.status, str(refusal), refusal.accept)
            return Outcome.LINGER
        reply, environ = wsgi.create(
            request, connection.sock, connection.client, connection.server, self.cfg, response_class=Reply
        )
        environ["wsgi.multithread"] = True
        if not self.alive:
            reply.force_close()
        try:
            self.respond(environ, reply)
        except ClientGone:
            raise
        except BodyError as error:
            self.refuse(connection, reply, error.status, str(error), environ)
        except Exception:
            self.log.exception("%s %s failed", request.method, request.uri)
            self.refuse(connection, reply, 500, GlanceliteError.message, environ)
        else:
            if not reply.should_close() and not reply.is_short:
                return Outcome.KEEP
        return Outcome.DROP if request.body.done and not connection.has_bytes else Outcome.LINGER

    def respond(self, environ: dict[str, Any], reply: Reply) -> None:
        """Let the app answer."""
        parts = self.wsgi(environ, reply.start_response)
        try:
            reply.send(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()

    @staticmethod
    def refuse(connection: Connection, reply: Reply, status: int, reason: str, environ: dict[str, Any]) -> None:
        """Answer in the app's place, unless it has begun to answer itself."""
        if not reply.headers_sent:
            connection.refuse(status, reason, environ.get("HTTP_ACCEPT", ""))

    def settle(self, connection: Connection, outcome: Outcome) -> None:
        """Take a connection back from its thread; runs in the loop."""
        self.running.remove(connection)
        if outcome is Outcome.DROP:
            connection.sock.close()
        elif outcome is Outcome.LINGER:
            connection.begin_linger(LINGER_SECONDS)
            connection.deadline = time.monotonic() + self.patience(LINGER_IDLE_SECONDS)
            self.wait_for(connection)
        elif connection.has_head():
            self.serve(connection)
        else:
            limits = self.settings
            limit = limits.header_timeout if connection.has_bytes else limits.keepalive_timeout
            connection.deadline = time.monotonic() + self.patience(limit)
            self.wait_for(connection)

    def patience(self, seconds: float) -> float:
        """A time limit, short where the worker is about to end."""
        return seconds if self.alive else min(seconds, LAST_CALL_SECONDS)

    # The end ------------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Let running requests end; cut off those that do not, so that they clean up after themselves."""
        self.alive = False
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()
        last_call = time.monotonic() + LAST_CALL_SECONDS
        for connection in self.waiting:
            connection.deadline = min(connection.deadline, last_call)
        self.finish(self.settings.graceful_timeout)
        for connection in self.running:
            connection.cut_off()
        self.finish(ABORT_SECONDS)
        if self.running:
            self.log.warning("%d requests were still running at the end (worker %d)", len(self.running), os.getpid())
        self.tpool.shutdown(wait=False)

    def finish(self, seconds: float) -> None:
        """Turn the loop until nothing is left to do, for at most that long."""
        end = time.monotonic() + seconds
        while (self.running or self.waiting) and time.monotonic() < end:
            self.turn(0.1)
