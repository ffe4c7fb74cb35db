"""Many tabs at once on one process, over the websocket and without browsers."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from streamlit.proto.Common_pb2 import StringArray
from websockets.asyncio.client import connect

from benchmarks.serving import EMAIL_HEADER, Served
from benchmarks.wire import Tab, address

# What is asked of a tab for its next run: the arguments of ``Tab.asks``, by how many runs it has had and by chance.
Asks = Callable[[Tab, int, random.Random], dict[str, Any]]
CONNECTS_WITHIN = 5.0
# How often out of ten that somebody's page runs; a contact that was opened is saved the next time, which makes ten.
DAY = {"refresh": 4, "edit": 3, "open a contact": 1, "another list": 1}


@dataclass
class Crowd:
    """``first`` and ``reruns`` are in milliseconds, from asking until the run was over; ``sizes`` in bytes."""

    first: list[float] = field(default_factory=list)
    reruns: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    failed: int = 0
    processor_ms: float = 0
    """For each rerun."""
    megabytes: tuple[float, float, float] = (0, 0, 0)
    """Before anybody came, when everybody had the page, and in the end."""


def whole_page(_tab: Tab, _number: int, _chance: random.Random) -> dict[str, Any]:
    return {}


def refresh(tab: Tab, _number: int, _chance: random.Random) -> dict[str, Any]:
    """What My Queue does by itself."""
    return {"fragment": tab.fragment}


def other_list(tab: Tab, number: int, _chance: random.Random) -> dict[str, Any]:
    """A click on one of the four numbers."""
    return {"clicked": ("open_ready", "open_mine")[number % 2]}


def day(tab: Tab, number: int, chance: random.Random) -> dict[str, Any]:
    """What people do all day long: wait, edit, log contacts, and now and then look at another list."""
    opened = parse_qs(tab.query).get("form")
    if opened:
        # A browser says of these what they begin with; of others the server knows.
        picked = {f"direction:{opened[0]}": "outbound", f"method:{opened[0]}": "email"}
        return {"clicked": f"save:{opened[0]}",
                "values": {key: {"string_array_value": StringArray(data=[label])} for key, label in picked.items()}}
    [what] = chance.choices(list(DAY), list(DAY.values()))
    row = chance.randrange(tab.rows[tab.grid])
    match what:
        case "edit":
            status = ("qualified", "conversing")[number % 2]
            return {"values": tab.types(row, status=status)}
        case "open a contact":
            return {"row": ("log", row)}
        case "another list":
            return other_list(tab, number, chance)
    return refresh(tab, number, chance)


def run(page: Served, emails: Sequence[str], asks: Asks, *, sessions: int, think: float, seconds: float) -> Crowd:
    """So many tabs that each have the page run again every ``think`` seconds, half as long or half as long again."""
    return asyncio.run(_run(page, emails, asks, sessions, think, seconds))


async def _run(page: Served, emails: Sequence[str], asks: Asks, sessions: int, think: float, seconds: float) -> Crowd:
    crowd, here = Crowd(), asyncio.Barrier(sessions + 1)
    before = page.megabytes()
    tabs = [asyncio.create_task(_visit(page, emails[number % len(emails)], asks, here, think, seconds, crowd, number))
            for number in range(sessions)]
    await here.wait()
    there, worked = page.megabytes(), page.processor_seconds()
    await here.wait()
    crowd.processor_ms = (page.processor_seconds() - worked) * 1000 / max(len(crowd.reruns), 1)
    crowd.megabytes = before, there, page.megabytes()
    await asyncio.gather(*tabs)
    return crowd


async def _visit(page: Served, email: str, asks: Asks, here: asyncio.Barrier, think: float, seconds: float, crowd: Crowd,
                 number: int) -> None:
    pick, tab = random.Random(number), Tab()
    await asyncio.sleep(pick.random() * CONNECTS_WITHIN)
    async with connect(address(page.port), subprotocols=["streamlit"], max_size=None, compression=None,
                       additional_headers={EMAIL_HEADER: email}) as connection:

        async def rerun(**asked: Any) -> float:
            began = time.perf_counter()
            await connection.send(tab.asks(**asked))
            while not tab.hears(await connection.recv()):
                pass
            crowd.failed += tab.failed
            return (time.perf_counter() - began) * 1000

        crowd.first.append(await rerun())
        await here.wait()
        end = time.perf_counter() + seconds
        runs, pause = 0, pick.random() * think
        while time.perf_counter() + pause < end:
            await asyncio.sleep(pause)
            crowd.reruns.append(await rerun(**asks(tab, runs, pick)))
            crowd.sizes.append(tab.received)
            runs, pause = runs + 1, think * (0.5 + pick.random())
        await asyncio.sleep(max(end - time.perf_counter(), 0))
        await here.wait()
