"""How it goes: the period, the colleague and the source that are asked about, and the charts that answer."""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import altair as alt
import pandas as pd
import streamlit as st

from lib.attribution import Share
from lib.funnel import Stage, Touches
from lib.models import Direction, Method
from lib.moments import start_of_day
from lib.replies import Replies, TimeToReply
from lib.scope import Scope
from lib.ui import charts, finder, words
from lib.ui.charts import Bar
from lib.users import Member

PERIODS = {30: "30 days", 90: "90 days", 365: "365 days"}
# From so many days on, days are too thin to be told apart.
BY_WEEK = 100
# Of fewer contacts a rate says nothing.
ENOUGH = 20
# Attempts from this one on are one bar.
MANY = 8
NAMELESS = "No contact on record"


@dataclass(frozen=True)
class Asked:
    """What the filters ask for; ``rep`` is a user's id as text, "" for everybody, and ``source`` "" for every one."""

    days: int
    rep: str = ""
    source: str = ""

    def scope(self, now: datetime) -> Scope:
        """The period begins with a day in the viewer's zone, and has not ended."""
        return Scope(since=start_of_day(f"{self.days} days ago", now, words.zone()),
                     rep=uuid.UUID(self.rep) if self.rep else None, source=self.source or None)


def filters(team: Sequence[Member], sources: Sequence[str]) -> Asked:
    people = {"": "Everybody"} | {key: name for key, name in finder.owners(team).items() if len(key) == 36}
    with st.grid(3, min_column_width=230, gap="small", key="progress_filters", vertical_alignment="bottom"):
        days = st.segmented_control("Period", list(PERIODS), default=90, format_func=PERIODS.get, key="period",
                                    bind="query-params", required=True,
                                    help="So many days before today, and today, in your time zone.")
        rep = st.selectbox("Colleague", list(people), format_func=people.get, key="rep", bind="query-params")
        source = st.selectbox("Source", ["", *sources], format_func=lambda value: value or "Every source",
                              key="from_source", bind="query-params")
    return Asked(days or 90, rep or "", source or "")


def funnel(stages: Sequence[Stage]) -> None:
    st.subheader("Funnel", anchor=False, help="Leads that entered a status in the period, by their history; the "
                 "colleague is who owns them now. A change that was undone does not count.")
    if not any(stage.entered for stage in stages):
        charts.nothing("No lead was added or moved in this period.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Entered**, and how many of these went on",
                    help="Went on: entered a later status afterwards, other than Lost, whenever that was.")
        charts.bars([Bar(words.STATUS[each.status], each.entered, _entered(each), colour=charts.STATUS[each.status],
                         tip=f"{each.entered:,} entered" + ("" if each.went_on is None
                                                            else f", {each.went_on:,} of these went on"))
                     for each in stages], "funnel")
    with right:
        st.markdown("**Time in the status**, in the middle", help="Of the stays that have ended, half were no longer.")
        charts.bars([Bar(words.STATUS[each.status], each.median.total_seconds() if each.median else None,
                         words.lasting(each.median) if each.median is not None else "–",
                         tip=_stay(each), colour=charts.STATUS[each.status])
                     for each in stages], "stays")
    charts.table(pd.DataFrame([{
        "Status": words.STATUS[each.status], "Entered": each.entered, "Went on": each.went_on,
        "Share": each.went_on / each.entered if each.went_on is not None and each.entered else None,
        "Stays that ended": each.left, "Median days": each.median and each.median.total_seconds() / 86_400}
        for each in stages]), "funnel", {"Share": _percent(), "Median days": _days()})


def activity(touches: Sequence[Touches], asked: Asked, today: date) -> None:
    by_week = asked.days > BY_WEEK
    st.subheader("Activity", anchor=False, help="Contacts that were logged, by the day on which they were made, in "
                 "your time zone; the colleague is who made them.")
    if not touches:
        charts.nothing("No contact was made in this period.")
        return
    begins = {touch.day: touch.day - timedelta(days=touch.day.weekday()) if by_week else touch.day
              for touch in touches}
    counts = Counter[tuple[date, str, str]]()
    for touch in touches:
        counts[begins[touch.day], touch.method, touch.direction] += touch.count
    what = "Week from" if by_week else "Day"
    most = max(sum(counts[day, method, direction] for direction in Direction) for day, method, _ in counts)
    first = today - timedelta(days=asked.days)
    for pair in (tuple(Method)[:2], tuple(Method)[2:]):
        for column, method in zip(st.columns(2, gap="large"), pair, strict=True):
            mine = {(day, direction): count for (day, by, direction), count in counts.items() if by == method}
            with column:
                st.markdown(f"{words.METHOD_ICON[method]} **{words.METHOD[method]}**: "
                            + (words.counted(sum(mine.values()), "contact") if mine else "none"))
                if mine:
                    charts.show(_over_time(mine, 7 if by_week else 1, first, today, most), f"activity_{method}")
    charts.table(pd.DataFrame([{what: day, "Method": words.METHOD.get(method, method),
                                "Direction": words.DIRECTION[Direction(direction)], "Contacts": count}
                               for (day, method, direction), count in sorted(counts.items(), reverse=True)]),
                 "activity", {what: st.column_config.DateColumn(format="D MMM YYYY")})


def replies(by_channel: Sequence[Replies] | None, by_attempt: Sequence[Replies] | None) -> None:
    """Either may be None, where it could not be counted: that is said already."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**By channel**", help="Of the contacts that we made by it in the period, how many the lead "
                    "answered: with their very next contact, or logged as successful.")
        _rates(by_channel, "replies_channel", "Channel", lambda each: words.METHOD.get(each.of, each.of))
    with right:
        st.markdown("**By attempt**", help="The first, second, … time that anybody reached out to the lead.")
        _rates(_few(by_attempt), "replies_attempt", "Attempt",
               lambda each: f"{each.of} or later" if each.of == MANY else f"{each.of}")


def time_to_reply(times: TimeToReply) -> None:
    if times.median is None or times.replied < ENOUGH:
        st.caption(f"Time to a reply: too few to tell ({words.counted(times.replied, 'lead')} replied).")
        return
    st.caption(f"Half of the {times.replied:,} leads that replied did within **{words.lasting(times.median)}** of our "
               f"first contact, a quarter within {words.lasting(times.lower)}, three quarters within "
               f"{words.lasting(times.upper)}. We reached out to {words.counted(times.touched, 'lead')} for the first "
               "time.")


def attribution(shares: Sequence[Share]) -> None:
    st.subheader("What led to conversions", anchor=False, help="Leads that are Converted now and became so in the "
                 "period; the colleague is who owns them. Each conversion is given to the channel of its first contact, "
                 "of its last one before it, or in equal parts to all of them.")
    if not shares:
        charts.nothing("No lead became converted in this period.")
        return
    models = (("First contact", "first"), ("Last contact", "last"), ("Equal parts", "linear"))
    for column, (title, name) in zip(st.columns(3, gap="large"), models, strict=True):
        with column:
            st.markdown(f"**{title}**")
            charts.bars([Bar(_channel(each.method), getattr(each, name), _number(getattr(each, name)))
                         for each in shares], f"shares_{name}")
    charts.table(pd.DataFrame([{"Channel": _channel(each.method)} | {title: getattr(each, name)
                                                                     for title, name in models} for each in shares]),
                 "shares", {"Equal parts": st.column_config.NumberColumn(format="%.1f")})


def _over_time(counts: Mapping[tuple[date, str], int], length: int, first: date, last: date,
               most: int) -> alt.Chart:
    """Bars of ``length`` days. Their axis is one of numbers that reads as one of days: no browser moves them."""
    rows = []
    for (day, direction), count in counts.items():
        below = counts.get((day, Direction.OUTBOUND), 0) if direction == Direction.INBOUND else 0
        rows.append({"begin": _moment(max(day, first)), "end": _moment(day, length), "contacts": count, "low": below,
                     "high": below + count, "direction": words.DIRECTION[Direction(direction)],
                     "day": f"{day:%a %-d %b %Y}",
                     "told": f"{day:%-d %b %Y}, {words.DIRECTION[Direction(direction)]}: {count:,}"})
    return alt.Chart(pd.DataFrame(rows)).mark_bar(stroke=None, binSpacing=1).encode(
        x=alt.X("begin:Q", title=None, scale=alt.Scale(domain=[_moment(first), _moment(last, 1)], nice=False),
                axis=alt.Axis(values=[_moment(first, step * ((last - first).days // 4)) for step in range(5)],
                              labelExpr="utcFormat(datum.value, '%-d %b')", labelFlush=True, grid=False)),
        x2="end", y2="high", description="told:N",
        y=alt.Y("low:Q", title=None, axis=alt.Axis(tickMinStep=1, tickCount=3, format=",d"),
                scale=alt.Scale(domain=[0, most])),
        color=alt.Color("direction:N", legend=charts.legend(), scale=alt.Scale(
            domain=list(words.DIRECTION.values()), range=[charts.BLUE, charts.PALE])),
        tooltip=[alt.Tooltip("day:N", title="Day" if length == 1 else "Week from"),
                 alt.Tooltip("direction:N", title="Direction"),
                 alt.Tooltip("contacts:Q", title="Contacts", format=",d")],
    ).properties(height=190)


def _moment(day: date, later: int = 0) -> int:
    """The beginning of the day, or of one some days later, in milliseconds as Vega counts them."""
    return int(datetime.combine(day + timedelta(days=later), time(), UTC).timestamp() * 1000)


def _rates(found: Sequence[Replies] | None, key: str, what: str,
           name: Callable[[Replies], str]) -> None:
    if found is None:
        return
    if not found:
        charts.nothing("Nobody was contacted in this period.")
        return
    charts.bars([Bar(name(each), each.rate if each.made >= ENOUGH else None, _rate(each),
                     tip=f"{each.replied:,} of {each.made:,} were replied to") for each in found], key)
    charts.table(pd.DataFrame([{what: name(each), "Made": each.made, "Replied to": each.replied,
                                "Rate": each.rate if each.made >= ENOUGH else None} for each in found]),
                 key, {"Rate": _percent()})


def _rate(each: Replies) -> str:
    return f"{each.rate:.0%} of {each.made:,}" if each.made >= ENOUGH else f"too few to tell: {each.made}"


def _few(found: Sequence[Replies] | None) -> list[Replies] | None:
    """The late attempts as one."""
    if found is None:
        return None
    late = [each for each in found if each.of >= MANY]
    rest = [Replies(MANY, sum(each.made for each in late), sum(each.replied for each in late))] if late else []
    return [each for each in found if each.of < MANY] + rest


def _entered(stage: Stage) -> str:
    if stage.went_on is None or not stage.entered:
        return f"{stage.entered:,}"
    return f"{stage.entered:,} · {stage.went_on / stage.entered:.0%} went on"


def _stay(stage: Stage) -> str:
    ended = f"{words.counted(stage.left, 'stay')} ended"
    return ended if stage.median is None else f"{words.lasting(stage.median)} in the middle, {ended}"


def _channel(method: str | None) -> str:
    return NAMELESS if method is None else words.METHOD.get(method, method)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _percent():
    return st.column_config.NumberColumn(format="percent")


def _days():
    return st.column_config.NumberColumn(format="%.1f")
