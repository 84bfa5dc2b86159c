"""Runs the shop: `python3 -m shop`.

Environment: `POD_IP` is the address to listen on (127.0.0.1 unless told), `PORT` the port (8080).
"""

import os
import signal
import sys
import threading

from shop import log, version
from shop.application import Application
from shop.metrics import Metrics
from shop.server import Server


def main():
    """Serves until SIGTERM or SIGINT; returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    address = (os.environ.get("POD_IP") or "127.0.0.1", int(os.environ.get("PORT") or 8080))
    application = Application(
        version.VERSION, version.COLOUR, version.FAULT_RATE, Metrics(version.VERSION)
    )
    try:
        server = Server(address, application)
    except OSError as error:
        log.write("cannot listen", level="error", address=address[0], port=address[1], error=str(error))
        return 1
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    host, port = server.server_address[:2]
    log.write("listening", address=host, port=port, version=version.VERSION)
    stop.wait()
    log.write("draining")
    finished = server.drain()
    log.write("stopped", finished=finished)
    return 0 if finished else 1


if __name__ == "__main__":
    sys.exit(main())
