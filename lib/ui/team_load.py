"""Who has how much: the team's numbers, everybody's desk, and what lies on nobody's."""

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import altair as alt
import pandas as pd
import streamlit as st

from lib.auth import Actor
from lib.models import Role
from lib.queries import NOBODY, Query
from lib.ui import charts, finder, words
from lib.users import Member
from lib.views import OPEN, VIEWS
from lib.workload import AGES, FirstTouches, Load, Unowned

FirstTouchesOf = Mapping[uuid.UUID, FirstTouches]

LEADS, QUEUE = "../pages/all_leads.py", "../pages/my_queue.py"
# Pixels of bars that are seen at once; more are scrolled through.
HEIGHT = 560
SOURCES = 8
# Much is this many times what half of the team has, or five leads more where that is next to nothing.
MUCH = 1.5

RULES = {
    "open": "Leads with any status but Converted and Lost.",
    "unassigned": "Open leads that nobody owns.",
    "waiting": "Leads with status Enriched that were given to somebody more than 2 days ago and not contacted since.",
    "replies": "Contacts in the last 30 days in which somebody got in touch with us.",
    "conversions": "Leads that became Converted in the last 30 days and have an owner.",
    "touches": "Contacts with which they reached out, whoever owns the lead.",
    "first": "Of the leads that became theirs in the last 30 days and were contacted since: half of them within this "
             "time, in days.",
    "oldest": "The last contact of the lead that has been due for the longest time.",
}


@dataclass(frozen=True)
class Rep:
    """Somebody with their desk. ``name`` is like nobody else's. A machine has made contacts, and no work waits for it."""

    id: uuid.UUID
    name: str
    is_active: bool
    load: Load
    is_machine: bool = False

    @property
    def open(self) -> int:
        return sum(self.load.open.values())


def reps(team: Sequence[Member], loads: Mapping[uuid.UUID, Load]) -> list[Rep]:
    """Every rep, and whoever else has leads or made contacts; who has the most open leads comes first."""
    names = finder.owners(team)
    found = [Rep(each.id, names[str(each.id)], each.is_active, loads.get(each.id, Load()), each.is_service)
             for each in team if each.id in loads or each.can_own and each.role is Role.REP]
    return sorted(found, key=lambda each: (-each.open, each.name.lower()))


def tiles(actor: Actor, people: Sequence[Rep] | None, pool: Sequence[Unowned] | None, due: int | None,
          team: Sequence[Member]) -> None:
    """The team's totals; those that are numbers of leads, and that a filter can find again, open exactly these."""
    unassigned = None if pool is None else sum(each.count for each in pool)
    total = None if people is None or unassigned is None else sum(each.open for each in people) + unassigned

    def summed(name: str) -> int | None:
        return None if people is None else sum(getattr(each.load, name) for each in people)

    with st.grid(6, min_column_width=140, gap="small", key="totals"):
        _tile("Open leads", total, RULES["open"], LEADS, finder.address(Query(stage=OPEN), team))
        _tile("Unassigned", unassigned, RULES["unassigned"], LEADS,
              finder.address(Query(stage=OPEN, owner=(NOBODY,)), team))
        _tile("Follow-ups due", due, VIEWS["due"].rule_for(actor), QUEUE, {"view": VIEWS["due"].title})
        _tile("Ready, untouched", summed("waiting"), RULES["waiting"])
        _tile("Replies, 30 days", summed("replies"), RULES["replies"])
        _tile("Conversions, 30 days", summed("conversions"), RULES["conversions"])


def findings(people: Sequence[Rep], pool: Sequence[Unowned], now: datetime) -> list[str]:
    """What stands out, in sentences of Markdown: too much, nothing, neglected, on nobody's desk."""
    working = [each for each in people if each.is_active and not each.is_machine]
    half = median(each.open for each in working) if working else 0
    much = [each for each in working if each.open > max(half * MUCH, half + 5)]
    idle = [each for each in working if not each.open]
    left = [each for each in people if each.open and not each.is_active]
    late = max(people, key=lambda each: (each.load.due + each.load.waiting), default=None)
    old = sum(each.count for each in pool if each.days >= AGES[3])
    said = []
    if much:
        names = words.listed([f"{each.name} ({each.open:,})" for each in much])
        said.append(f":material/weight: **Much to do**: {words.plain(names)}, while half of the team has "
                    f"{half:,.0f} open leads or fewer.")
    if idle:
        said.append(f":material/hotel: **No open lead**: {words.plain(words.listed([each.name for each in idle]))}.")
    if late is not None and late.load.due + late.load.waiting:
        oldest = f", the oldest last contacted {words.ago(late.load.oldest_due, now)}" if late.load.oldest_due else ""
        said.append(f":material/hourglass_bottom: **Waiting the most**: {words.plain(late.name)}, with "
                    f"{words.counted(late.load.due, 'follow-up')} due{oldest}, and "
                    f"{words.counted(late.load.waiting, 'ready lead')} untouched.")
    if left:
        names = words.listed([f"{each.name}: {each.open:,}" for each in left])
        said.append(f":material/person_off: **Left with open leads**: {words.plain(names)}.")
    if old:
        said.append(f":material/person_search: **On nobody's desk** for a week or longer: "
                    f"{words.counted(old, 'open lead')}.")
    return said


def desks(people: Sequence[Rep], team: Sequence[Member], ask_first_touches: Callable[[], FirstTouchesOf | None]
          ) -> list[Rep]:
    """Everybody's desk as bars and as a table. Who is ticked in the table, for what can be done with their leads.

    The first touches, which take longest and only the table tells, are asked once the bars are drawn.
    """
    if not people:
        charts.nothing("There are no reps yet, and nobody owns a lead.")
        return []
    chart, numbers = st.tabs(["Chart", "Table"], key="desks_tabs")
    with chart:
        # A machine stands in the table with the contacts that it made, and is no empty desk.
        with_desk = [each for each in people if each.open or not each.is_machine]
        clicked = _bars(with_desk) if with_desk else None
        if clicked:
            query = Query(owner=(clicked["owner"],), stage=(clicked["status"],))
            st.switch_page(LEADS, query_params=finder.address(query, team))
    with numbers:
        first_touches = ask_first_touches()
        # Ticks are kept by row: in another order they would be somebody else's.
        order = hashlib.sha256(b"".join(each.id.bytes for each in people)).hexdigest()[:16]
        with st.container(key="desks_table"):
            event = st.dataframe(frame_of(people, first_touches), hide_index=True, key=f"desks_table:{order}",
                                 column_config=_columns(), width="stretch", on_select="rerun",
                                 selection_mode="multi-row", placeholder="–")
        picked = [people[place] for place in event["selection"]["rows"] if place < len(people)]
        if picked:
            owners = tuple(str(each.id) for each in picked)
            st.page_link(LEADS, label=f"Show their {words.counted(sum(each.open for each in picked), 'open lead')}",
                         icon=":material/groups:", query_params=finder.address(Query(owner=owners, stage=OPEN), team))
        else:
            st.caption("Tick people to see what they have.")
    return picked


def unassigned(pool: Sequence[Unowned], team: Sequence[Member]) -> None:
    """The unassigned leads by age and by source; a source opens its own."""
    st.subheader("Unassigned", anchor=False, help=RULES["unassigned"])
    if not pool:
        charts.nothing("Every open lead has an owner.")
        return
    by_age, by_source = ages(pool), sources(pool)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**By age**", help="How long ago the lead was added.")
        charts.bars([charts.Bar(label, count, f"{count:,}") for label, count in by_age.items()], "pool_age")
    with right:
        st.markdown("**By source**", help="Click on a bar to see the leads.")
        rows = sorted(by_source.items(), key=lambda each: -each[1])
        shown = [charts.Bar(source or "No source", count, f"{count:,}", key=source or "")
                 for source, count in rows[:SOURCES]]
        if rows[SOURCES:]:
            rest = sum(count for _, count in rows[SOURCES:])
            shown.append(charts.Bar(words.counted(len(rows) - SOURCES, "other source"), rest, f"{rest:,}"))
        source = charts.bars(shown, "pool_source", is_open=True)
    if source:
        st.switch_page(LEADS, query_params=finder.address(
            Query(owner=(NOBODY,), stage=OPEN, source=(source,)), team))
    charts.table(pd.DataFrame([{"Age": _age(each.days), "Source": each.source or "No source", "Leads": each.count}
                               for each in pool]), "pool")


def ages(pool: Sequence[Unowned]) -> dict[str, int]:
    return {_age(days): sum(each.count for each in pool if each.days == days) for days in AGES}


def sources(pool: Sequence[Unowned]) -> dict[str | None, int]:
    found: dict[str | None, int] = {}
    for each in pool:
        found[each.source] = found.get(each.source, 0) + each.count
    return found


def frame_of(people: Sequence[Rep], first_touches: FirstTouchesOf | None) -> pd.DataFrame:
    """The table of everybody's desk: one row each, in the order of the bars. First touches may not be known."""
    zone = words.zone()
    rows = []
    for each in people:
        load, first = each.load, (first_touches or {}).get(each.id, FirstTouches())
        rows.append({
            "Name": each.name, "Open": each.open, **{words.STATUS[status]: load.open.get(status, 0) for status in OPEN},
            "Due": load.due, "Oldest due": load.oldest_due and load.oldest_due.astimezone(zone).date(),
            "Ready, untouched": load.waiting,
            "Touches, 7 days": sum(load.week.values()), "Touches, 30 days": sum(load.month.values()),
            **{f"{name}, {days}": touches.get(method, 0) for days, touches in (("7 days", load.week),
                                                                               ("30 days", load.month))
               for method, name in words.METHOD.items()},
            "Replies": load.replies, "Conversions": load.conversions,
            **({} if first_touches is None else {
                "Taken": first.taken, "Touched": first.touched,
                "First touch": None if first.within is None else first.within.total_seconds() / 86_400}),
        })
    return pd.DataFrame(rows)


def _bars(people: Sequence[Rep]) -> dict[str, str] | None:
    labels = [charts.wrapped(each.name) for each in people]
    frame = pd.DataFrame([
        {"who": label, "name": each.name, "owner": str(each.id), "status": str(status), "label": words.STATUS[status],
         "place": place, "leads": each.load.open.get(status, 0), "open": each.open,
         "told": f"{each.name}, {words.STATUS[status]}: {words.counted(each.load.open.get(status, 0), 'lead')}"}
        for label, each in zip(labels, people, strict=True) for place, status in enumerate(OPEN)])
    totals = pd.DataFrame({"who": labels, "open": [each.open for each in people],
                           "said": [f"{each.open:,}" for each in people]})
    most = max(1, people[0].open)
    y = alt.Y("who:N", sort=labels, axis=charts.named_axis())
    scale = alt.Scale(domain=[0, most * charts.room_for(list(totals["said"]))], nice=False)
    drawn = alt.Chart(frame).mark_bar(size=16, cursor="pointer").encode(
        y=y, x=alt.X("leads:Q", axis=None, scale=scale),
        color=alt.Color("label:N", legend=charts.legend(columns=3), scale=alt.Scale(
            domain=[words.STATUS[status] for status in OPEN], range=[charts.STATUS[status] for status in OPEN])),
        order=alt.Order("place:Q"), description="told:N",
        tooltip=[alt.Tooltip("name:N", title="Whose"), alt.Tooltip("label:N", title="Status"),
                 alt.Tooltip("leads:Q", title="Leads", format=",d"),
                 alt.Tooltip("open:Q", title="Open leads in all", format=",d")],
    ).add_params(alt.selection_point(name="bar", fields=["owner", "status"], toggle=False))
    said = alt.Chart(totals).mark_text(align="left", dx=5, fontSize=12, color=charts.text_colour()).encode(
        y=y, x=alt.X("open:Q", scale=scale), text="said:N")
    height = charts.height_of(labels) * len(people) + charts.PADDING + 50
    chart = alt.layer(drawn, said).properties(height=height).configure_view(stroke=None)
    with st.container(height=HEIGHT if height > HEIGHT else "content", border=False, key="desks"):
        clicked = charts.show(chart, "desks_chart", is_open=True)
    if height > HEIGHT:
        st.caption(f"{words.counted(len(people), 'desk')}, the fullest first: scroll the chart for the others.")
    return clicked


def _tile(label: str, number: int | None, rule: str, page: str = "",
          asked: Mapping[str, object] | None = None) -> None:
    with st.container(border=True, gap=None, height="stretch"):
        st.metric(label, "–" if number is None else f"{number:,}", help=rule)
        if page:
            st.page_link(page, label="Show", query_params=asked, width="content")


def _age(days: int) -> str:
    following = next((each for each in AGES if each > days), None)
    return f"{days} days or more" if following is None else f"{days} to {following} days"


def _columns() -> dict:
    number = st.column_config.NumberColumn
    helps = {"Open": RULES["open"], "Ready, untouched": RULES["waiting"],
             "Due": "Their leads with status Contacted or Conversing whose last contact is longer ago than the "
                    "company's days for a follow-up.",
             "Touches, 7 days": RULES["touches"], "Touches, 30 days": RULES["touches"],
             "Replies": "Contacts in the last 30 days in which somebody got in touch with them.",
             "Conversions": "Their leads that became Converted in the last 30 days.",
             "Taken": "Leads that became theirs in the last 30 days.",
             "Touched": "How many of those were contacted since."}
    return {name: number(help=rule) for name, rule in helps.items()} | {
        "Name": st.column_config.TextColumn(pinned=True, width="medium"),
        "Oldest due": st.column_config.DateColumn(format="D MMM YYYY", help=RULES["oldest"]),
        "First touch": number(format="%.1f", help=RULES["first"]),
        **{f"{name}, {days}": number(help=RULES["touches"]) for name in words.METHOD.values()
           for days in ("7 days", "30 days")},
    }
