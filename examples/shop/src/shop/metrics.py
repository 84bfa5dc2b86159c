"""The shop's own numbers, in the text format that Prometheus reads."""

import threading

# Upper bounds in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Metrics:
    """Requests by path and status, and how long they took by path."""

    def __init__(self, version):
        self._version = version
        self._requests = {}
        self._durations = {}
        self._lock = threading.Lock()

    def observe(self, path, status, seconds):
        """Counts a finished request."""
        with self._lock:
            key = (path, status)
            self._requests[key] = self._requests.get(key, 0) + 1
            counts, total = self._durations.get(path, ([0] * (len(BUCKETS) + 1), 0.0))
            index = next((i for i, bound in enumerate(BUCKETS) if seconds <= bound), len(BUCKETS))
            counts[index] += 1
            self._durations[path] = (counts, total + seconds)

    def render(self):
        """The page for /metrics."""
        lines = [
            "# HELP shop_build_info The version that runs; always 1.",
            "# TYPE shop_build_info gauge",
            f'shop_build_info{{version="{self._version}"}} 1',
            "# HELP shop_requests_total Requests answered, by path and status.",
            "# TYPE shop_requests_total counter",
        ]
        with self._lock:
            for (path, status), count in sorted(self._requests.items()):
                lines.append(f'shop_requests_total{{path="{path}",status="{status}"}} {count}')
            name = "shop_request_duration_seconds"
            lines.append(f"# HELP {name} Time from a request's head to its response.")
            lines.append(f"# TYPE {name} histogram")
            for path, (counts, total) in sorted(self._durations.items()):
                lines.extend(_histogram(name, path, counts, total))
        return "\n".join(lines) + "\n"


def _histogram(name, path, counts, total):
    so_far = 0
    for bound, count in zip((*BUCKETS, "+Inf"), counts):
        so_far += count
        yield f'{name}_bucket{{path="{path}",le="{bound}"}} {so_far}'
    yield f'{name}_sum{{path="{path}"}} {total:.6f}'
    yield f'{name}_count{{path="{path}"}} {so_far}'
