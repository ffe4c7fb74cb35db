"""Every call of the API beside its floor, at one client in turns with it, and at eight."""

import statistics

from benchmarks import api, api_calls
from benchmarks.api import Measured
from benchmarks.desks import Desk
from benchmarks.figures import Section, p95, table
from benchmarks.progress import said

HEADER = ("call", "ms", "p95", "floor ms", "p95", "ratio", "calls a second, 8 clients", "ms", "p95",
          "processor ms of the app")


def section(desk: Desk, *, repeats: int, seconds: float, only: str = "") -> Section:
    """``seconds`` is how long eight clients ask for each call."""
    found: list[Measured] = []
    with api_calls.connected(desk.conninfo) as setting:
        for measured in api.each_call(setting, desk.conninfo, desk.port, repeats=repeats, seconds=seconds, only=only):
            said(measured.name)
            found.append(measured)
    return Section("Calls of the API", [table(HEADER, map(row, found))], data={
        measured.name: {"call": measured.asked, "floor": measured.floor, "8 clients": measured.many}
        for measured in found})


def row(measured: Measured) -> list[str | float]:
    median, floor = statistics.median(measured.asked), measured.floor
    beside = [statistics.median(floor), p95(floor), median / statistics.median(floor)] if floor else ["", "", ""]
    return [measured.name, median, p95(measured.asked), *beside, *(measured.many or [""] * 4)]
