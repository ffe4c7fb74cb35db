"""My Queue's own filters: which of the named lists, narrowed by a search and by status.

What is chosen here is in the URL, so that a list can be bookmarked and sent to a colleague, who then sees their own
leads by the same rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import streamlit as st

from lib.auth import Actor
from lib.filters import LeadFilter
from lib.models import Status
from lib.orders import ORDERS
from lib.ui import actions, preset, words
from lib.ui.listing import QUEUE, Wanted
from lib.views import VIEWS, View

SUGGESTED = ""
PAGE = "page"


def draw() -> tuple[View, Wanted]:
    """The filters; the view that is chosen, and what they ask for."""
    preset.put()
    with st.grid(4, min_column_width=150, gap="small", key="filters"):
        key = st.selectbox("List", list(VIEWS), format_func=lambda key: VIEWS[key].title, key="view",
                           bind="query-params", on_change=_first_page)
        search = st.text_input("Search", type="search", key="q", bind="query-params", max_chars=200,
                               placeholder="Name, e-mail, phone, company", on_change=_first_page, live=True) or ""
        statuses = st.multiselect("Status", list(Status), format_func=words.STATUS.get, key="status",
                                  bind="query-params", placeholder="Any", on_change=_first_page)
        order = st.selectbox("Order", [SUGGESTED, *ORDERS], key="sort", bind="query-params", on_change=_first_page,
                             format_func=lambda key: ORDERS[key].label if key else "Suggested")
    return VIEWS[key], _wanted(key, search, statuses, order, actions.page_number(PAGE))


def chosen() -> Wanted:
    """What the filters ask for that were drawn in an earlier run; one that was never touched may have no value."""
    return _wanted(preset.value_of("view", next(iter(VIEWS))), preset.value_of("q") or "",
                   preset.value_of("status", ()), preset.value_of("sort", SUGGESTED), actions.page_number(PAGE))


def of_url(asked: Mapping[str, Sequence[str]]) -> Wanted:
    """What a URL of this page asks for, without the page: its parameters hold what the widgets call their choices."""
    def keys(name: str, labels: Mapping[str, str]) -> list[str]:
        return [key for label in asked.get(name, ()) for key, known in labels.items() if known == label]

    key = next(iter(keys("view", {key: view.title for key, view in VIEWS.items()})), next(iter(VIEWS)))
    order = next(iter(keys("sort", {key: order.label for key, order in ORDERS.items()})), SUGGESTED)
    return _wanted(key, asked.get("q", [""])[0], keys("status", words.STATUS), order,
                   actions.page_of(asked.get(PAGE, ["1"])[0]))


def _wanted(key: str, search: str, statuses: Sequence[str], order: str, page: int) -> Wanted:
    view, statuses = VIEWS[key], tuple(sorted(statuses))

    def filter_at(actor: Actor, now: datetime) -> LeadFilter:
        return replace(view.filter(actor, now), also_statuses=statuses, search=search)

    return Wanted((key, statuses, search), order or view.order, page, filter_at)


def show(view: str) -> None:
    """The callback that opens a view, without what narrowed the one before."""
    preset.choose(view=view, q="", status=[], sort=SUGGESTED, page=1)
    st.rerun(QUEUE)


def nothing_found(view: View) -> None:
    """The empty list: why it is empty, and the way out."""
    state = st.session_state
    narrowed = state.get("q") or state.get("status")
    with st.container(border=True, horizontal_alignment="center", key="empty"):
        if actions.page_number(PAGE) > 1:
            st.markdown(":material/inbox: The list does not go on this far.", width="content")
            st.button("Go to the first page", key="first", on_click=_first_page)
            return
        st.markdown(":material/search_off: No lead in this list matches your search and filters."
                    if narrowed else f":material/inbox: {view.empty}", width="content")
        if narrowed:
            st.button("Clear search and filters", key="clear", on_click=show, args=(state["view"],))


def _first_page() -> None:
    preset.choose(**{PAGE: 1})
