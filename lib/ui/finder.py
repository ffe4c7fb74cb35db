"""Finding leads among all of the company's: search, filters for every column, chips that show and clear them, sorting.

Each widget's key is the name of its part of the query and of its parameter in the URL.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from lib.auth import Actor
from lib.errors import Invalid
from lib.fields import LABELS
from lib.filters import KNOWABLE, LeadFilter
from lib.models import Method, Status
from lib.moments import SUGGESTED
from lib.orders import ORDERS
from lib.queries import ME, NO_REASON, NOBODY, Query
from lib.ui import actions, preset, words
from lib.ui.listing import Wanted
from lib.users import Member

ORDER, PAGE = "order", "p"
NEWEST = "newest"
# Where an empty filter is something else than an empty list of choices.
TEXTS = ("search", "contacted_before", "contacted_after", "created_before", "created_after", "title", "firm")
NUMBERS = ("contacts_min", "contacts_max", "score_min", "score_max")
LOST = {**words.LOST_REASON, NO_REASON: "No reason given"}
CHIPS = {
    "search": "Search", "owner": "Assigned to", "stage": "Status", "lost": "Lost because", "tags": "Any tag of",
    "all_tags": "All tags of", "source": "Source", "workflow": "Workflow", "by": "Last method",
    "contacted_before": "Last contact before",
    "contacted_after": "Last contact after", "never_contacted": "Never contacted", "contacts_min": "Contacts from",
    "contacts_max": "Contacts to", "score_min": "Score from", "score_max": "Score to",
    "created_after": "Created after", "created_before": "Created before", "title": "Job title", "firm": "Company",
    "has": "Has", "lacks": "Lacks",
}


def draw(actor: Actor, team: Sequence[Member], vocabulary: dict[str, list[str]]) -> tuple[Query, Wanted]:
    """The filters, and what they ask for. ``vocabulary`` are the known sources, workflows and tags.

    A filter that cannot be understood says so and restricts nothing until it is put right.
    """
    preset.put()
    names = _labels(team)
    with st.grid(5, min_column_width=150, gap="small", key="finder", vertical_alignment="bottom"):
        st.text_input("Search", type="search", key="search", bind="query-params", max_chars=200, live=True,
                      placeholder="Name, e-mail, phone, company", on_change=_first_page)
        _several("Assigned to", "owner", list(names["owner"]), names=names["owner"])
        _several("Status", "stage", list(Status), names=words.STATUS)
        order = st.selectbox("Order", list(ORDERS), index=list(ORDERS).index(NEWEST), key=ORDER, bind="query-params",
                             format_func=lambda key: ORDERS[key].label, on_change=_first_page)
        with st.popover("More filters", icon=":material/tune:", width="stretch"):
            _panel(vocabulary)
    query = _query()
    query, problem = _understood(query, actor)
    chips(query, names)
    if problem is not None:
        st.warning(words.plain(str(problem)), icon=":material/error:")
    return query, wanted_of(query, order or NEWEST, actions.page_number(PAGE))


def chosen(actor: Actor) -> Wanted:
    """What the filters ask for that were drawn in an earlier run; one that was never touched may have no value."""
    return wanted_of(_understood(_query(), actor)[0], preset.value_of(ORDER) or NEWEST, actions.page_number(PAGE))


def wanted_of(query: Query, order: str, page: int) -> Wanted:
    """What a query asks of the list."""
    def filter_at(actor: Actor, now: datetime) -> LeadFilter:
        return query.filter_at(actor, now, words.zone())

    return Wanted(query, order, page, filter_at)


def of_url(asked: Mapping[str, Sequence[str]], actor: Actor, team: Sequence[Member]) -> Wanted:
    """What a URL of this page asks for, without the page: its parameters hold what the widgets call their choices."""
    names = _labels(team)
    values: dict[str, Any] = {}
    for name in CHIPS:
        said = asked.get(name, ())
        if name in names:
            values[name] = tuple(str(key) for label in said for key, known in names[name].items() if known == label)
        elif name in NUMBERS:
            values[name] = int(said[0]) if said and said[0].isdecimal() and len(said[0]) < 8 else None
        elif name in TEXTS:
            values[name] = said[0] if said else ""
        else:
            values[name] = said[:1] == ["true"] if name == "never_contacted" else tuple(said)
    query, _ = _understood(Query(**values), actor)
    order = next((key for key in ORDERS if [ORDERS[key].label] == asked.get(ORDER)), NEWEST)
    return wanted_of(query, order, actions.page_of(asked.get(PAGE, ["1"])[0]))


def address(query: Query, team: Sequence[Member]) -> dict[str, list[str]]:
    """The parameters of the URL of this page for a query, in the words that the widgets have for their choices."""
    names = _labels(team)
    asked: dict[str, list[str]] = {}
    for name in query.narrows():
        said = getattr(query, name)
        values = said if isinstance(said, tuple) else ["true"] if said is True else [said]
        asked[name] = [names.get(name, {}).get(each, str(each)) for each in values]
    return asked


def chips(query: Query, names: Mapping[str, Mapping[str, str]]) -> None:
    """One chip for each filter that is on, which takes it off. ``names`` are what its choices are called."""
    on = query.narrows()
    if not on:
        return
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="chips"):
        for name in on:
            told = _chip(name, getattr(query, name), names.get(name, {}))
            st.button(words.plain(told), key=f"chip_{name}", type="secondary", icon=":material/close:",
                      icon_position="right", help="Take this filter off", on_click=clear, args=(name,))
        if len(on) > 1:
            st.button("Clear all", key="clear_all", type="tertiary", on_click=clear, args=tuple(on))


def clear(*names: str) -> None:
    """The callback that takes filters off."""
    preset.choose(**{name: "" if name in ("search", "title", "firm") else
                     None if name in TEXTS + NUMBERS else name != "never_contacted" and []
                     for name in names or tuple(CHIPS)})
    _first_page()


def nothing_found(query: Query) -> None:
    """The empty list: why it is empty, and the way out."""
    with st.container(border=True, horizontal_alignment="center", key="empty"):
        if query.narrows():
            st.markdown(":material/search_off: No lead matches your search and filters.", width="content")
            st.button("Clear search and filters", key="clear", on_click=clear)
        elif actions.page_number(PAGE) > 1:
            st.markdown(":material/inbox: The list does not go on this far.", width="content")
            st.button("Go to the first page", key="first", on_click=_first_page)
        else:
            st.markdown(":material/inbox: There are no leads yet. Add one, import a file, or let N8N deliver them.",
                        width="content")


def _panel(vocabulary: dict[str, list[str]]) -> None:
    with st.grid(2, min_column_width=200, gap="small"):
        _several("Any of these tags", "tags", vocabulary["tags"], is_open=True)
        _several("All of these tags", "all_tags", vocabulary["tags"], is_open=True)
        _several("Source", "source", vocabulary["source"], is_open=True)
        _several("Source workflow", "workflow", vocabulary["source_workflow"], is_open=True)
        _several(CHIPS["lost"], "lost", list(LOST), names=LOST)
        _day("Last contact before", "contacted_before")
        _day("Last contact after", "contacted_after")
        _several("Last contact by", "by", list(Method), names=words.METHOD)
        st.checkbox("Never contacted", key="never_contacted", bind="query-params", on_change=_first_page)
        for name in NUMBERS:
            st.number_input(CHIPS[name], value=None, min_value=0, max_value=1_000_000, step=1, key=name,
                            bind="query-params", placeholder="Any", on_change=_first_page)
        _day("Created after", "created_after")
        _day("Created before", "created_before")
        for name in ("title", "firm"):
            st.text_input(CHIPS[name], key=name, bind="query-params", max_chars=200, placeholder="Any part of it",
                          on_change=_first_page)
        for name in ("has", "lacks"):
            _several(CHIPS[name], name, list(KNOWABLE), names=LABELS)


def _several(label: str, name: str, options: Sequence[str], *, names: dict[str, str] | None = None,
             is_open: bool = False) -> None:
    st.multiselect(label, options, key=name, bind="query-params", placeholder="Any", accept_new_options=is_open,
                   format_func=(lambda value: names.get(value, value)) if names else str, on_change=_first_page)


def _day(label: str, name: str) -> None:
    st.selectbox(label, list(SUGGESTED), index=None, key=name, bind="query-params", accept_new_options=True,
                 placeholder="Any time", help="A date such as 2026-01-10, or a time such as 30 days ago",
                 on_change=_first_page)


def _query() -> Query:
    values = {name: preset.value_of(name) for name in CHIPS}
    return Query(**{name: ((value or "") if name in TEXTS else value if name in NUMBERS else
                           bool(value) if name == "never_contacted" else tuple(map(str, value or ())))
                    for name, value in values.items()})


def _understood(query: Query, actor: Actor) -> tuple[Query, Invalid | None]:
    """The query without what cannot be understood, and what that is."""
    problem = None
    while True:
        try:
            query.filter_at(actor, datetime.now(UTC), words.zone())
        except Invalid as error:
            problem = error
            [name] = error.fields
            query = Query(**{each: getattr(query, each) for each in CHIPS if each != name})
        else:
            return query, problem


def owners(team: Sequence[Member]) -> dict[str, str]:
    """Who leads can be assigned to, by the word in the query; those who left are there for the leads they still have."""
    named: dict[str, str] = {ME: "Me", NOBODY: "Nobody"}
    for member in team:
        name = member.name if member.is_active else f"{member.name} (left)"
        same = sum(each.split(" #")[0] == name for each in named.values())
        named[str(member.id)] = f"{name} #{same + 1}" if same else name
    return named


def _labels(team: Sequence[Member]) -> dict[str, dict[str, str]]:
    """What the choices of a filter are called, where that is not what the query holds."""
    knowable = {name: LABELS[name] for name in KNOWABLE}
    return {"owner": owners(team), "stage": words.STATUS, "lost": LOST, "by": words.METHOD, "has": knowable,
            "lacks": knowable}


def _chip(name: str, value: Any, named: Mapping[str, str]) -> str:
    if name == "never_contacted":
        return CHIPS[name]
    shown = words.listed([named.get(each, each) for each in value], most=2) if isinstance(value, tuple) else str(value)
    return f"{CHIPS[name]} {shown}"[:60]


def _first_page() -> None:
    preset.choose(**{PAGE: 1})
