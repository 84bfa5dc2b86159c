"""Failures on purpose, by count and not by chance."""

import threading
from fractions import Fraction


class Faults:
    """Picks an exact share of the requests, evenly spread: at 0.2 every fifth one fails."""

    def __init__(self, rate):
        # Through text, so that 0.2 is one fifth and not the float next to it.
        self._rate = Fraction(str(rate))
        if not 0 <= self._rate <= 1:
            raise ValueError(f"FAULT_RATE is a share from 0 to 1, not {rate}")
        self._count = 0
        self._lock = threading.Lock()

    def next(self):
        """Whether the next request is to fail."""
        with self._lock:
            before = int(self._count * self._rate)
            self._count += 1
            return int(self._count * self._rate) > before
