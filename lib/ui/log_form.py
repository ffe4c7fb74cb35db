"""The form of the page Log Contacts: for which leads, by whom, what was said; saved once.

What was picked by search is in the URL (``leads``), beside the form's key (``form``); what was pasted and typed is in
the browser. So a restart of the server takes nothing of it, and a repeated Save changes nothing.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import streamlit as st
from sqlalchemy import Row

from lib import db, leads, lists, neighbours, once, pasted
from lib.auth import RULES, Actor
from lib.errors import Invalid
from lib.filters import LeadFilter
from lib.models import Direction
from lib.pasted import Pasted
from lib.ui import contact_fields, contact_form, words
from lib.ui.desk import Desk
from lib.users import Member

MATCHES = 6
NOTHING_CHOSEN = "Choose at least one lead, by search or from a list."
LOOK_AGAIN = "The leads have changed since they were shown. Look them over, and save again."


@dataclass(frozen=True)
class Chosen:
    """The leads that the contact was with, and what to know about them before saving."""

    picked: Sequence[Row]
    pasted: Pasted
    matches: Sequence[Row]
    touches: Sequence[Row]

    @property
    def names(self) -> dict[uuid.UUID, str]:
        return {lead.id: leads.name_of(lead) for lead in (*self.picked, *self.pasted.leads)}

    @property
    def statuses(self) -> list[str]:
        return list({lead.id: lead.status for lead in (*self.picked, *self.pasted.leads)}.values())


def begin_if_needed(desk: Desk, actor: Actor) -> None:
    """Give the page a form that has not been saved. Saved before the server went away, it begins anew."""
    form = st.query_params.get("form")
    if form is None:
        # Nothing to forget: a link may have come with leads.
        st.query_params["form"] = once.new_key()
    elif form in desk.saved_forms:
        _begin()
    elif form not in desk.lists:
        with db.transaction() as session:
            used = once.was_used(session, actor, form)
        desk.lists[form] = True
        if used:
            _begin()


def draw(desk: Desk, actor: Actor, team: Sequence[Member], now: datetime) -> None:
    begin_if_needed(desk, actor)
    form = st.query_params["form"]
    by_search, by_paste = st.tabs(["Search", "Paste a list"])
    with by_paste:
        text = st.text_area("E-mail or LinkedIn addresses", key=f"paste:{form}", height=110,
                            placeholder="One a line: ada@example.com or linkedin.com/in/ada",
                            help=f"Up to {pasted.MOST_LINES} lines.")
    with by_search:
        search = st.text_input("Find a lead", type="search", key=f"find:{form}", max_chars=200, live=True,
                               placeholder="Name, e-mail or company")
        matches = st.container(gap=None, key="matches")
    try:
        chosen = _read(actor, text or "", search or "", now)
    except Invalid as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    with matches:
        _offer(chosen, search or "", form)
    _show(chosen)
    people = contact_fields.people(team, actor.user_id) if RULES[actor.role][2] else {}
    if people:
        st.selectbox("Made by", list(people), format_func=people.get, key=f"maker:{form}")
    direction = contact_fields.pick(form, chosen.statuses)
    if direction == Direction.OUTBOUND:
        contact_fields.warn_of_colleagues(chosen.touches, now)
    with st.form(f"contact:{form}", border=False):
        contact_fields.write(form, held=chosen.statuses)
        problem = desk.problems.get(form)
        if problem is not None:
            # Where Save was clicked: on a phone, the leads at the top are out of sight then.
            st.error(words.plain(str(problem)), icon=":material/error:")
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.form_submit_button("Start over", type="tertiary", key=f"clear:{form}", on_click=_begin)
            save = partial(_on_save, desk, actor.user_id, form, chosen.names)
            saved = st.form_submit_button("Save contact", type="primary", key=f"save:{form}", on_click=save)
    if saved and form not in desk.saved_forms and form not in desk.problems:
        # After a restart no callback runs for the first click, so the click is seen here only.
        save()
        st.rerun(scope="fragment")


def _read(actor: Actor, text: str, search: str, now: datetime) -> Chosen:
    with db.transaction() as session:
        found = pasted.resolve(session, actor, text)
        picked = lists.rows(session, actor, _picked())
        matches = lists.page(session, actor, LeadFilter(search=search), order="recent", limit=MATCHES,
                             count=False).rows if search.strip() else []
        touches = neighbours.recent_touches(session, actor, [*found.ids, *(lead.id for lead in picked)], now=now)
    return Chosen(picked, found, matches, touches)


def _offer(chosen: Chosen, search: str, form: str) -> None:
    """The leads that the search finds, each with a button that adds it."""
    names = chosen.names
    matches = [lead for lead in chosen.matches if lead.id not in names]
    for lead in matches:
        about = " · ".join(words.plain(part) for part in (lead.company, lead.email) if part)
        st.button(f"{words.plain(leads.name_of(lead))}  :small[:gray[{about}]]", icon=":material/add:", type="tertiary",
                  key=f"add:{lead.id}", on_click=_add, args=(lead.id, form))
    if search.strip() and not matches:
        st.caption("Nobody else matches." if chosen.matches else "Nobody matches.")


def _show(chosen: Chosen) -> None:
    """Who is chosen, and what could not be found."""
    names = chosen.names
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="chosen"):
        told = f"**{words.counted(len(names), 'lead')}**" if names else "No lead chosen yet."
        if chosen.pasted.leads:
            told += ": " + words.plain(words.listed([leads.name_of(lead) for lead in chosen.pasted.leads], most=5))
        st.markdown(told, width="content")
        for lead in chosen.picked:
            st.button(words.plain(leads.name_of(lead)), icon=":material/close:", icon_position="right", type="tertiary",
                      key=f"drop:{lead.id}", help="Take off the list", on_click=_drop, args=(lead.id,))
    for lines, problem in ((chosen.pasted.unknown, "not known"), (chosen.pasted.ambiguous, "known for several leads")):
        if lines:
            verb = "is" if len(lines) == 1 else "are"
            st.warning(f"{words.counted(len(lines), 'line')} {verb} {problem} and left out: "
                       + _unlinked(words.plain(words.listed([line[:80] for line in lines], most=10))),
                       icon=":material/search_off:")


def _unlinked(markdown: str) -> str:
    """Addresses that Markdown would make links of on its own, kept as text by an invisible joiner."""
    return markdown.replace("@", "@\u2060").replace("www", "w\u2060ww")


def _on_save(desk: Desk, user_id: uuid.UUID, form: str, names: dict[uuid.UUID, str]) -> None:
    text, picked = st.session_state.get(f"paste:{form}") or "", _picked()
    typed = contact_fields.typed(form)

    def chosen(session, actor) -> list[uuid.UUID]:
        # A list that was pasted a moment ago may not have been looked up and shown yet.
        found = {*picked, *pasted.resolve(session, actor, text).ids}
        if found != set(names):
            raise Invalid.field("leads", LOOK_AGAIN)
        if not found:
            raise Invalid.field("leads", NOTHING_CHOSEN)
        return list(names)

    contact_form.save(desk, user_id, form, chosen, typed, names=names,
                      made_by=st.session_state.get(f"maker:{form}"))
    if form in desk.saved_forms:
        _begin()


def _begin() -> None:
    st.query_params["form"] = once.new_key()
    if "leads" in st.query_params:
        del st.query_params["leads"]


def _picked() -> list[uuid.UUID]:
    return contact_form.ids_of(st.query_params.get("leads", ""))


def _add(lead_id: uuid.UUID, form: str) -> None:
    st.query_params["leads"] = ",".join(map(str, dict.fromkeys([*_picked(), lead_id])))
    st.session_state[f"find:{form}"] = ""


def _drop(lead_id: uuid.UUID) -> None:
    left = [str(each) for each in _picked() if each != lead_id]
    if left:
        st.query_params["leads"] = ",".join(left)
    else:
        del st.query_params["leads"]
