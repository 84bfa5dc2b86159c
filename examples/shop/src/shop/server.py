"""The HTTP server: persistent connections, and an end that no request notices.

How it ends: `/ready` says no and every response asks for its connection to be closed, but requests
are still accepted and answered. Only when none is under way and none has come for a moment does the
server close its door.
"""

import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shop import log
from shop.application import OPERATIONAL, PATHS


class Server(ThreadingHTTPServer):
    """Serves one application."""

    daemon_threads = True
    # The default of 5 refuses connections under load.
    request_queue_size = 128

    def __init__(self, address, application):
        super().__init__(address, Handler)
        self.application = application
        self.is_draining = False
        self._under_way = 0
        self._last_end = time.monotonic()
        self._changed = threading.Condition()

    @contextmanager
    def request(self):
        """A customer's request, from its head to its response."""
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._last_end = time.monotonic()
                self._changed.notify_all()

    def drain(self, quiet=0.5, limit=10.0):
        """Finishes what is under way, then stops serving. Returns whether all was finished.

        `quiet` is how long no request must have ended, in seconds; `limit` how long it may take.
        """
        self.is_draining = True
        end = time.monotonic() + limit
        with self._changed:
            # Quiet begins now at the earliest: whoever routes to us has to hear of it first.
            self._last_end = time.monotonic()
            while time.monotonic() < end:
                rest = self._last_end + quiet - time.monotonic()
                if self._under_way == 0 and rest <= 0:
                    break
                self._changed.wait(min(max(rest, 0.01), end - time.monotonic()))
        self.shutdown()
        with self._changed:
            finished = self._changed.wait_for(
                lambda: self._under_way == 0, max(end - time.monotonic(), 0.1)
            )
        self.server_close()
        return finished

    def handle_error(self, request, client_address):
        """A client that hangs up is no news; anything else is."""
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            log.write("request failed", error=repr(error))


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # Head and body leave in one segment.
    wbufsize = -1
    disable_nagle_algorithm = True
    # Longer than proxies keep idle connections, so that they are the ones to close.
    timeout = 120

    def do_GET(self):  # noqa: N802, the name is the library's
        """Answers a request."""
        self._answer(with_body=True)

    def do_HEAD(self):  # noqa: N802
        """Answers with the head only."""
        self._answer(with_body=False)

    def version_string(self):
        """What the header `Server` says."""
        return "shop"

    def log_message(self, format, *args):
        """Requests are logged by `_answer`; this is for the library's own complaints."""
        log.write(format % args, level="warning")

    def log_request(self, code="-", size="-"):
        """See `_answer`."""

    def _answer(self, with_body):
        path = self.path.split("?", 1)[0]
        if path in OPERATIONAL:
            self._respond(path, with_body)
            return
        with self.server.request():
            started = time.monotonic()
            status = self._respond(path, with_body)
            seconds = time.monotonic() - started
        application = self.server.application
        application.metrics.observe(path if path in PATHS else "other", status, seconds)
        log.write(
            "request",
            level="error" if status >= 500 else "info",
            method=self.command,
            path=path,
            status=status,
            milliseconds=round(seconds * 1000, 2),
            version=application.version,
        )

    def _respond(self, path, with_body):
        application = self.server.application
        response = application.respond(path, self.server.is_draining)
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Shop-Version", application.version)
        if self.server.is_draining:
            self.send_header("Connection", "close")
        self.end_headers()
        if with_body:
            self.wfile.write(response.body)
        self.wfile.flush()
        return response.status
