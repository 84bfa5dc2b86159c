"""Which request gets which response. Nothing here knows about sockets."""

import json
from dataclasses import dataclass

from shop import page
from shop.faults import Faults

PRODUCTS = (
    {"id": 1, "name": "Deck shoes", "price": 59.00},
    {"id": 2, "name": "Oilskin jacket", "price": 129.00},
    {"id": 3, "name": "Brass compass", "price": 34.50},
    {"id": 4, "name": "Tide tables", "price": 12.00},
)

# What the metrics call by name; everything else is "other", so that nobody can make up series.
PATHS = ("/", "/api/products", "/health", "/ready", "/metrics")

# Asked by machines, many times a minute: neither logged nor waited for when the server drains.
OPERATIONAL = ("/health", "/ready", "/metrics")


@dataclass(frozen=True)
class Response:
    """A status, a content type and a body."""

    status: int
    content_type: str
    body: bytes

    @classmethod
    def text(cls, status, text):
        """A response of plain text."""
        return cls(status, "text/plain; charset=utf-8", text.encode())

    @classmethod
    def json(cls, status, value):
        """A response of JSON."""
        return cls(status, "application/json", json.dumps(value).encode())


class Application:
    """One release of the shop."""

    def __init__(self, version, colour, fault_rate, metrics):
        self.version = version
        self.metrics = metrics
        self._colour = colour
        self._faults = Faults(fault_rate)
        self._page = page.render(version, colour, PRODUCTS).encode()

    def respond(self, path, is_draining):
        """The response to a GET of `path`, which has no query."""
        if path == "/health":
            return Response.text(200, "ok\n")
        if path == "/ready":
            return Response.text(503, "draining\n") if is_draining else Response.text(200, "ok\n")
        if path == "/metrics":
            return Response(200, "text/plain; version=0.0.4", self.metrics.render().encode())
        if path == "/" or path.startswith("/api/"):
            if self._faults.next():
                return Response.json(500, {"error": "internal error", "version": self.version})
        if path == "/":
            return Response(200, "text/html; charset=utf-8", self._page)
        if path == "/api/products":
            return Response.json(200, self._catalogue())
        return Response.json(404, {"error": f"there is nothing at {path}"})

    def _catalogue(self):
        return {"version": self.version, "colour": self._colour, "products": list(PRODUCTS)}
