"""One line of JSON for each thing that happens, on standard output."""

import json
import sys
from datetime import datetime, timezone


def write(message, **fields):
    """Writes a line; a single write, so that lines of several threads do not mix."""
    moment = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    line = json.dumps({"time": moment, "message": message, **fields})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
