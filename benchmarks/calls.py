"""Every call of the API beside its floor, at one client in turns with it, and at eight."""

import statistics
from collections.abc import Sequence

import psycopg

from benchmarks import api
from benchmarks.desks import Desk
from benchmarks.figures import Section, p95, table
from benchmarks.progress import said

HEADER = ("call", "ms", "p95", "floor ms", "p95", "ratio", "calls a second, 8 clients", "processor ms of the app")


def section(desk: Desk, *, repeats: int, seconds: float, only: str = "") -> Section:
    """``seconds`` is how long eight clients ask for each call."""
    rows, data = [], {}
    desk.use()
    with (api.served(desk.conninfo, desk.port) as app,
          psycopg.connect(desk.conninfo, autocommit=True, options="-c TimeZone=UTC") as connection):
        setting = api.Setting(connection)
        try:
            for call in setting.calls(api.Client(desk.port, setting.tokens[setting.rep.user_id])):
                if only not in call.name:
                    continue
                said(call.name)
                token = setting.tokens[call.actor.user_id]
                asked, floor = api.measure(call, api.Client(desk.port, token), connection, repeats)
                many = api.rate(call, lambda t=token: api.Client(desk.port, t), seconds, app)
                rows.append(row(call.name, asked, floor, many))
                data[call.name] = {"call": asked, "floor": floor, "calls a second": many[0]}
        finally:
            setting.tidy_up()
    return Section("Calls of the API", [table(HEADER, rows)], data=data)


def row(name: str, asked: Sequence[float], floor: Sequence[float], many: Sequence[float]) -> list[str | float]:
    median = statistics.median(asked)
    beside = [statistics.median(floor), p95(floor), median / statistics.median(floor)] if floor else ["", "", ""]
    return [name, median, p95(asked), *beside, *many]
