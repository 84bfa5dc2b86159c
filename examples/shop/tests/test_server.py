"""How the shop behaves on a real socket."""

import contextlib
import http.client
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

from shop.application import Application
from shop.metrics import Metrics
from shop.server import Server


class Slow(Application):
    """Takes its time, and says when it has begun."""

    def __init__(self):
        super().__init__("v9", "#123456", 0, Metrics("v9"))
        self.begun = threading.Event()

    def respond(self, path, is_draining):
        self.begun.set()
        time.sleep(0.2)
        return super().respond(path, is_draining)


class OnASocket(unittest.TestCase):
    def setUp(self):
        # The log of requests is not what these tests are about.
        output = contextlib.redirect_stdout(io.StringIO())
        output.__enter__()
        self.addCleanup(output.__exit__, None, None, None)

    def serve(self, application):
        server = Server(("127.0.0.1", 0), application)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        connection = http.client.HTTPConnection(*server.server_address, timeout=5)
        self.addCleanup(connection.close)
        return server, connection

    def test_a_connection_carries_many_requests(self):
        server, connection = self.serve(Application("v9", "#123456", 0, Metrics("v9")))
        self.addCleanup(server.drain, quiet=0)
        connection.connect()
        own = connection.sock.getsockname()
        for path in ("/", "/api/products", "/nothing", "/health"):
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            self.assertEqual(response.getheader("X-Shop-Version"), "v9")
            self.assertEqual(connection.sock.getsockname(), own)

    def test_a_request_under_way_is_finished_before_the_end(self):
        shop = Slow()
        server, connection = self.serve(shop)
        connection.request("GET", "/")
        shop.begun.wait(5)
        self.assertTrue(server.drain(quiet=0))
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        self.assertEqual(len(response.read()), int(response.getheader("Content-Length")))

    def test_draining_gives_up_at_its_limit(self):
        shop = Slow()
        server, connection = self.serve(shop)
        connection.request("GET", "/")
        shop.begun.wait(5)
        self.assertFalse(server.drain(quiet=0, limit=0.01))
        connection.getresponse().read()


class AsAProcess(unittest.TestCase):
    def test_sigterm_under_load_loses_no_request(self):
        source = Path(__file__).resolve().parent.parent / "src"
        process = subprocess.Popen(
            [sys.executable, "-m", "shop"],
            cwd=source,
            env={**os.environ, "POD_IP": "127.0.0.1", "PORT": "0", "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        port = json.loads(process.stdout.readline())["port"]
        threading.Thread(target=process.stdout.read, daemon=True).start()
        outcomes = []

        def visit():
            # As a proxy does: stays on its connection until it is asked to close it.
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            closing = False
            while not closing:
                try:
                    connection.request("GET", "/api/nothing")
                    response = connection.getresponse()
                    response.read()
                except (OSError, http.client.HTTPException) as lost:
                    outcomes.append(repr(lost))
                    return
                closing = response.getheader("Connection") == "close"
                outcomes.append(response.status)

        visitors = [threading.Thread(target=visit) for _ in range(4)]
        for visitor in visitors:
            visitor.start()
        while len(outcomes) < 100:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        for visitor in visitors:
            visitor.join(10)
        self.assertEqual(process.wait(10), 0)
        self.assertLessEqual(set(outcomes), {404, 500})


if __name__ == "__main__":
    unittest.main()
