"""What managers look at, each beside its floor: everybody's desk, the pool, tags, and the statistics of 90 days."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from benchmarks import floors_statistics as floors
from benchmarks.desks import Setting
from benchmarks.load import NOW
from benchmarks.operations import Operation
from lib import attribution, funnel, replies, tags, workload
from lib.scope import Scope

SINCE = NOW - timedelta(days=90)


def operations(setting: Setting) -> Iterator[Operation]:
    manager, period = setting.manager, Scope(since=SINCE)

    def of(name: str, function: str, call: Callable, floor: str) -> Operation:
        return Operation(name, function, lambda s, _: call(s), setting.sql(floor, manager, since=SINCE))

    yield desks(setting)
    yield of("first touches of what was taken", "workload.first_touches",
             lambda s: workload.first_touches(s, manager, now=NOW), floors.FIRST_TOUCHES)
    yield of("leads that nobody owns", "workload.unassigned", lambda s: workload.unassigned(s, manager),
             floors.UNASSIGNED)
    yield of("the pool by age and source", "workload.pool", lambda s: workload.pool(s, manager, now=NOW), floors.POOL)
    yield of("tags", "tags.counts", lambda s: tags.counts(s, manager), floors.TAGS)
    yield of("replies by channel, 90 days", "replies.by_channel", lambda s: replies.by_channel(s, manager, period),
             floors.BY_CHANNEL)
    yield of("replies by attempt, 90 days", "replies.by_attempt", lambda s: replies.by_attempt(s, manager, period),
             floors.BY_ATTEMPT)
    yield of("time to a reply, 90 days", "replies.time_to_reply", lambda s: replies.time_to_reply(s, manager, period),
             floors.TIME_TO_REPLY)
    yield of("conversions by channel, 90 days", "replies.conversion_by_channel",
             lambda s: replies.conversion_by_channel(s, manager, period), floors.CONVERSION_BY_CHANNEL)
    yield of("shares in all conversions", "attribution.shares", lambda s: attribution.shares(s, manager), floors.SHARES)
    yield of("activity, 90 days", "funnel.activity", lambda s: funnel.activity(s, manager, "Europe/Berlin", period),
             floors.ACTIVITY)
    yield of("why all lost leads were lost", "funnel.lost_reasons", lambda s: funnel.lost_reasons(s, manager),
             floors.LOST_REASONS)


def desks(setting: Setting) -> Operation:
    return Operation("workload", "workload.by_rep", lambda s, _: workload.by_rep(s, setting.manager, now=NOW),
                     setting.sql(floors.BY_REP, setting.manager))
