"""One operation and its floor: a data-access function, and the same work as one statement written by hand."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.figures import Result
from lib import db

WARM_UP = 8  # psycopg prepares a statement at its sixth execution.
SLOW_MS, VERY_SLOW_MS = 50, 500
COLD = 5
OPTIONS = "-c TimeZone=UTC -c statement_timeout=60s"


@dataclass(frozen=True)
class Operation:
    """``call`` gets a session and what ``arrange`` made for it; so does ``floor``, with a connection of psycopg.

    ``arrange`` works outside the measured time, once for each side of each repeat. ``function`` is what is measured,
    such as “lists.page”.
    """

    name: str
    function: str
    call: Callable[[Session, Any], Any]
    floor: Callable[[psycopg.Connection, Any], Any]
    arrange: Callable[[], Any] = lambda: None

    def take(self) -> float:
        """Milliseconds of the function, with the transaction around it."""
        arranged = self.arrange()
        with _stopped() as took, db.transaction() as session:
            self.call(session, arranged)
        return took[0]

    def take_floor(self, connection: psycopg.Connection) -> float:
        arranged = self.arrange()
        with _stopped() as took, connection.transaction():
            self.floor(connection, arranged)
        return took[0]


def measure(operation: Operation, conninfo: str, connection: psycopg.Connection, repeats: int) -> Result:
    """Function and floor in turns, first each in new connections, where nothing is planned or looked up yet."""
    cold = [(_cold_call(operation), _cold_floor(operation, conninfo)) for _ in range(min(COLD, repeats))]
    times = in_turns({"call": operation.take, "floor": lambda: operation.take_floor(connection)}, repeats,
                     min(WARM_UP, repeats))
    return Result(operation.name, times["call"], times["floor"], *map(list, zip(*cold, strict=True)))


def in_turns(acts: Mapping[Any, Callable[[], float]], repeats: int, warm_up: int = WARM_UP) -> dict[Any, list[float]]:
    """The times of each act, the other way round every other time. A slow one needs fewer repeats to tell, and nobody's
    patience."""
    times: dict[Any, list[float]] = {name: [] for name in acts}
    done = 0
    while done < warm_up + repeats:
        for name in list(acts) if done % 2 else reversed(list(acts)):
            times[name].append(acts[name]())
        done += 1
        slowest = max(statistics.median(each) for each in times.values())
        if slowest > VERY_SLOW_MS:
            warm_up, repeats = 1, min(repeats, 3)
        elif slowest > SLOW_MS:
            warm_up, repeats = min(warm_up, 2), min(repeats, max(repeats // 10, 5))
    return {name: each[min(warm_up, len(each) - 1):] for name, each in times.items()}


def _cold_call(operation: Operation) -> float:
    db.engine().dispose()
    with db.transaction() as session:
        session.execute(text("SELECT 1"))
    return operation.take()


def _cold_floor(operation: Operation, conninfo: str) -> float:
    with psycopg.connect(conninfo, autocommit=True, options=OPTIONS) as connection:
        connection.execute("SELECT 1")
        return operation.take_floor(connection)


@contextmanager
def _stopped() -> Iterator[list[float]]:
    took: list[float] = []
    began = time.perf_counter()
    yield took
    took.append((time.perf_counter() - began) * 1000)
