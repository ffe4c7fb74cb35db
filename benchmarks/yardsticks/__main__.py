"""Measures the API beside Django and Directus on the same rows: ``python -m benchmarks.yardsticks``.

Both are installed by hand, each in a folder of its own; what is not there is left out:

    python3 -m venv .lead-desk/django && .lead-desk/django/bin/pip install -r benchmarks/yardsticks/requirements.txt
    mkdir .lead-desk/directus && cp benchmarks/yardsticks/package.json .lead-desk/directus
    npm install --prefix .lead-desk/directus

One client asks each of them the same in turns; Django also with what Lead Desk does besides, a token that is looked up
and a history that is written. Then eight clients refresh a dashboard, the four numbers and fifty leads,
again and again: each of them with two processes, for a while each, in turns.
"""

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks import api, load
from benchmarks.api_calls import Setting, connected
from benchmarks.client import Client
from benchmarks.figures import p95
from benchmarks.yardsticks import servers
from lib import postgres
from lib.config import ROOT

CLIENTS, PROCESSES, WARM_UP = 8, 2, 12
OURS = "Lead Desk"

Request = tuple[str, str, Any]
Asks = Callable[[str, Setting], Sequence[Request]]
"""The requests of one operation, given its key of OPERATIONS."""
Clients = Callable[[str], Iterator[Client]]
"""Clients for an operation, without end."""

OPERATIONS = {
    "M": "the four numbers", "L": "50 of mine", "L100": "page 100 of the company's", "S": "search of a fragment",
    "U": "a status", "C": "a contact", "W": "everybody's load"}


@dataclass(frozen=True)
class Peer:
    """Somebody who serves the same leads: the requests of each operation, and clients of its processes in turn."""

    name: str
    asks: Asks
    clients: Clients
    known: Sequence[str] = tuple(OPERATIONS)


def ours(setting: Setting, ports: Sequence[int]) -> Peer:
    calls = {call.name: call for call in setting.calls(Client(ports[0], setting.tokens[setting.rep.user_id]))}
    names = {"M": "GET /metrics", "L": "GET /leads, 50 of mine", "L100": "GET /leads, page 100",
             "S": "GET /leads, search of a fragment", "U": "POST /leads/{id}, a status",
             "C": "POST /leads/{id}/contact", "W": "GET /workload, 62 people"}

    def asks(operation: str, _setting: Setting) -> Sequence[Request]:
        call = calls[names[operation]]
        return [call.ask(call.take())]
    return Peer(OURS, asks, lambda operation: _clients(ports, setting.tokens[calls[names[operation]].actor.user_id]))


def by_django(operation: str, setting: Setting) -> Sequence[Request]:
    of = f"/{setting.company}/{setting.rep.user_id}"
    match operation:
        case "S":
            return [("GET", f"{of}/search?q={quote(setting.word)}", None)]
        case "U":
            return [("POST", f"{of}/leads/{next(setting.fresh)[0]}/status", {"status": "qualified"})]
        case "C":
            return [("POST", f"{of}/leads/{next(setting.again)[0]}/contact",
                     {"method": "call", "notes": "Talked about prices."})]
    paths = {"M": "numbers", "L": "mine", "L100": "page-100", "W": "workload"}
    return [("GET", f"{of}/{paths[operation]}", None)]


def by_directus(operation: str, setting: Setting) -> Sequence[Request]:
    """Four requests for the numbers, as it counts one thing at a time. It has no words for where the leads that were
    never contacted stand in the order, so that no index has it."""
    company = {"company_id": {"_eq": str(setting.company)}}
    mine = company | {"assigned_to_user_id": {"_eq": str(setting.rep.user_id)}}
    if operation == "L":
        fields = "fields=*,lead_company_id.name,assigned_to_user_id.name&sort=last_contacted_at&limit=50"
        return [("GET", f"/leads?{fields}&filter={_packed(mine)}", None)]
    week_ago = (datetime.now(UTC) - timedelta(days=7)).isoformat(timespec="seconds")
    counted = (mine, mine | {"status": {"_eq": "enriched"}}, mine | {"status": {"_eq": "conversing"}},
               company | {"status": {"_in": ["contacted", "conversing"]}, "last_contacted_at": {"_lt": week_ago}})
    return [("GET", f"/leads?aggregate[count]=*&filter={_packed(each)}", None) for each in counted]


def _packed(condition: dict[str, Any]) -> str:
    return quote(json.dumps(condition))


def in_turns(peers: Sequence[Peer], operation: str, setting: Setting, repeats: int) -> dict[str, list[float]]:
    """How long the operation took each of them, each time, in milliseconds."""
    asked = {peer.name: (peer, next(peer.clients(operation)), []) for peer in peers if operation in peer.known}
    for repeat in range(WARM_UP + repeats):
        for peer, client, times in list(asked.values())[::1 if repeat % 2 else -1]:
            requests = peer.asks(operation, setting)
            began = time.perf_counter()
            for request in requests:
                client(*request)
            if repeat >= WARM_UP:
                times.append((time.perf_counter() - began) * 1000)
    return {name: times for name, (_, _, times) in asked.items()}


def refreshes(peer: Peer, setting: Setting, seconds: float) -> float:
    """How many dashboards a second CLIENTS are shown."""
    done, clients = [0] * CLIENTS, [client for client, _ in zip(peer.clients("M"), range(CLIENTS), strict=False)]
    requests = [*peer.asks("M", setting), *peer.asks("L", setting)]
    began = time.perf_counter()

    def run(place: int) -> None:
        while time.perf_counter() < began + seconds:
            for request in requests:
                clients[place](*request)
            done[place] += 1

    threads = [threading.Thread(target=run, args=(place,)) for place in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def compare(conninfo: str, port: int, *, django: Path, directus: Path, repeats: int, seconds: float) -> None:
    with ExitStack() as stack:
        setting = stack.enter_context(connected(conninfo))
        ports = [port + place for place in range(PROCESSES)]
        for each in ports:
            stack.enter_context(api.our_app(conninfo, each))
        peers = [ours(setting, ports)]
        if (django / "bin").exists():
            at = stack.enter_context(servers.django(django, conninfo, port + 10, PROCESSES))
            token = setting.tokens[setting.rep.user_id]
            peers.append(Peer("Django", by_django, lambda _: _clients(at, root="")))
            peers.append(Peer("with token and history", by_django, lambda _: _clients(at, token, "")))
        if (directus / "node_modules").exists():
            those = stack.enter_context(servers.directus(directus, conninfo, port + 20, PROCESSES))
            peers.append(Peer("Directus", by_directus, lambda _: _clients(those, servers.TOKEN, "/items"), ("M", "L")))
        _print_times(peers, setting, repeats)
        _print_refreshes(peers, setting, seconds)


def _clients(ports: Sequence[int], token: str | None = None, root: str = "/api") -> Iterator[Client]:
    return (Client(each, token, root) for each in cycle(ports))


def _print_times(peers: Sequence[Peer], setting: Setting, repeats: int) -> None:
    print("| call | " + " | ".join(f"{peer.name}, ms | p95" + (" | ours / theirs" if peer.name != OURS else "")
                                   for peer in peers) + " |")
    print("| --- |" + " ---: |" * (3 * len(peers) - 1))
    for operation, told in OPERATIONS.items():
        times = in_turns(peers, operation, setting, repeats)
        cells = []
        for peer in peers:
            if peer.name not in times:
                cells += [""] * 3
                continue
            median = statistics.median(times[peer.name])
            cells += [f"{median:.1f}", f"{p95(times[peer.name]):.1f}"]
            if peer.name != OURS:
                cells.append(f"{statistics.median(times[OURS]) / median:.2f}")
        print(f"| {operation}, {told} | {' | '.join(cells)} |", flush=True)


def _print_refreshes(peers: Sequence[Peer], setting: Setting, seconds: float) -> None:
    rounds = [[refreshes(peer, setting, seconds) for peer in peers] for _ in range(3)]
    shown = dict(zip((peer.name for peer in peers), (statistics.median(each) for each in zip(*rounds)), strict=True))
    print(f"\nDashboards a second, {CLIENTS} clients, {PROCESSES} processes each:")
    for name, rate in shown.items():
        print(f"- {name}: {rate:.0f}" + ("" if name == OURS else f", ours / theirs {shown[OURS] / rate:.1f}"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.yardsticks", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="100,000 leads and fewer repeats")
    parser.add_argument("--folder", type=Path, help=f"where the server's data lie (default: {load.FOLDER.name})")
    parser.add_argument("--django", type=Path, default=ROOT / ".lead-desk" / "django", help="its virtual environment")
    parser.add_argument("--directus", type=Path, default=ROOT / ".lead-desk" / "directus", help="where npm put it")
    parser.add_argument("--port", type=int, default=8610, help="the first of thirty")
    parser.add_argument("--seconds", type=float, default=5, help="how long eight clients refresh each time")
    chosen = parser.parse_args()
    total, repeats = (100_000, 40) if chosen.quick else (1_000_000, 100)
    folder = chosen.folder or load.FOLDER.with_name("benchmark-quick" if chosen.quick else load.FOLDER.name)
    try:
        compare(load.ensure(folder, total), chosen.port, django=chosen.django, directus=chosen.directus,
                repeats=repeats, seconds=chosen.seconds)
    finally:
        postgres.release(folder)


if __name__ == "__main__":
    main()
