"""How often a caller may call: a burst is let in, and what is beyond it clears within seconds.

Kept in the process: with several app processes behind a proxy, each allows as much.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

# A workflow sends all its items at once: a hundred parallel calls are an ordinary burst.
BURST = 200
# So many callers are remembered; whoever was silent longest is forgotten, and has a full burst again.
REMEMBERED = 10_000


class Limiter:
    """A bucket for each caller, ``BURST`` calls deep and filled up with ``per_second`` calls a second.

    For one thread, the event loop's: it has no lock.
    """

    def __init__(self, per_second: float, burst: int = BURST, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second, self.burst, self.clock = per_second, burst, clock
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def take(self, caller: bytes) -> float:
        """Take one call from the caller's bucket: 0, or the seconds until there is one to take."""
        now = self.clock()
        left, since = self._buckets.pop(caller, (float(self.burst), now))
        left = min(self.burst, left + (now - since) * self.per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self.per_second
        self._buckets[caller] = (left if wait else left - 1, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return wait

    def give_back(self, caller: bytes, share: float = 0.9) -> None:
        """Most of a call given back: one that was only repeated costs little."""
        if caller in self._buckets:
            left, since = self._buckets[caller]
            self._buckets[caller] = (min(self.burst, left + share), since)
