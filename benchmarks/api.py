"""Each call of the API beside the same work as one hand-written statement.

The app runs as it does for people, in a process of its own. One client asks over a connection that stays open, in turns
with the statement through psycopg; then eight at once ask for some seconds.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from benchmarks.api_calls import Call, Setting
from benchmarks.client import Client
from benchmarks.figures import p95
from benchmarks.serving import Served, served

WARM_UP = 8  # psycopg prepares a statement at its sixth execution.
SLOW_MS = 50
CLIENTS = 8


class Rate(NamedTuple):
    """What CLIENTS at once were served: calls a second, how long a call took at the median and at p95, and how long the
    app's processor worked on each: on a machine with other work, the figure that varies least. Milliseconds."""

    per_second: float
    median: float
    p95: float
    processor: float


@dataclass(frozen=True)
class Measured:
    """One call by one client, in turns with its floor (empty where there is none), and by many. Milliseconds."""

    name: str
    asked: list[float]
    floor: list[float]
    many: Rate | None


def measure(call: Call, client: Client, connection: psycopg.Connection, repeats: int) -> tuple[list[float], list[float]]:
    """How long the call took each time, and its floor in turns with it, in milliseconds."""
    asked, floor = [], []

    def ask() -> None:
        request = call.ask(call.take())
        began = time.perf_counter()
        client(*request)
        asked.append((time.perf_counter() - began) * 1000)

    def work() -> None:
        taken = call.take()
        began = time.perf_counter()
        with connection.transaction():
            call.floor(connection, taken)
        floor.append((time.perf_counter() - began) * 1000)

    for repeat in range(WARM_UP + repeats):
        for act in (ask, work) if repeat % 2 else (work, ask):
            if act is ask or call.floor:
                act()
        if repeat >= WARM_UP + repeats // 10 and asked[-1] > SLOW_MS:
            break
    return asked[WARM_UP:], floor[WARM_UP:]


def rate(call: Call, make: Callable[[], Client], seconds: float, app: Served) -> Rate:
    """As many clients as there are CLIENTS, each asking again as soon as it is answered."""
    asked: list[list[float]] = [[] for _ in range(CLIENTS)]
    end = time.perf_counter() + seconds

    def run(place: int) -> None:
        client = make()
        while time.perf_counter() < end:
            request = call.ask(call.take())
            began = time.perf_counter()
            client(*request)
            asked[place].append((time.perf_counter() - began) * 1000)

    began, worked = time.perf_counter(), app.processor_seconds()
    threads = [threading.Thread(target=run, args=(place,)) for place in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [each for of_one in asked for each in of_one]
    return Rate(len(every) / (time.perf_counter() - began), statistics.median(every), p95(every),
                (app.processor_seconds() - worked) * 1000 / len(every))


def our_app(conninfo: str, port: int) -> AbstractContextManager[Served]:
    """Lead Desk, which answers as many calls as it can."""
    return served("Lead Desk", "app.py", port, conninfo, API_CALLS_PER_SECOND="100000")


def each_call(setting: Setting, conninfo: str, port: int, *, repeats: int, seconds: float,
              only: str = "") -> Iterator[Measured]:
    """The calls whose name contains ``only``, one after the other; without ``seconds``, by one client only."""
    with our_app(conninfo, port) as app:
        for call in setting.calls(Client(port, setting.tokens[setting.rep.user_id])):
            if only in call.name:
                token = setting.tokens[call.actor.user_id]
                asked, floor = measure(call, Client(port, token), setting.connection, repeats)
                many = rate(call, lambda token=token: Client(port, token), seconds, app) if seconds else None
                yield Measured(call.name, asked, floor, many)
