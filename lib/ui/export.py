"""Export: what is shown, or all that match, as CSV or Excel, made only when it is asked for."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from lib import db, exports
from lib.auth import Actor
from lib.errors import LeadDeskError
from lib.exports import EXPORT_LIMIT, Kind
from lib.filters import LeadFilter
from lib.ui import desk as desks
from lib.ui import identity, outage, words
from lib.ui.desk import Desk, Notice
from lib.ui.grid import Listing
from lib.ui.listing import Wanted

MIME = {Kind.CSV: "text/csv", Kind.EXCEL: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
LABEL = {Kind.CSV: "CSV", Kind.EXCEL: "Excel"}


@st.fragment
def draw(desk: Desk, wanted: Wanted, listing: Listing) -> None:
    """The menu, for the page that is ``listing`` and for the whole list that is ``wanted``, filled when it opens."""
    with outage.handled():
        with st.container(horizontal=True, horizontal_alignment="right"):
            menu = st.popover("Export", icon=":material/download:", disabled=not listing.ids, key="export",
                              on_change="rerun")
        if menu.open:
            actor, _ = identity.current()
            with menu:
                _choices(desk, actor, wanted.filter_at(actor, datetime.now(UTC)), wanted.order, listing)


def _choices(desk: Desk, actor: Actor, wanted: LeadFilter, order: str, listing: Listing) -> None:
    for name, label, only in (("shown", f"What is shown: {words.counted(len(listing.ids), 'lead')}",
                               tuple(listing.ids)),
                              ("all", f"All that match: {listing.total} {'lead' if listing.count == 1 else 'leads'}",
                               None)):
        st.caption(label)
        with st.container(horizontal=True):
            for kind in Kind:
                st.download_button(
                    LABEL[kind], _made(desk, actor.user_id, kind, wanted, order, only), key=f"export:{name}:{kind}",
                    file_name=f"leads {datetime.now(UTC).astimezone(words.zone()):%Y-%m-%d}.{kind}",
                    mime=MIME[kind], icon=":material/download:", help=f"{label}, as {LABEL[kind]}")
    if listing.count > listing.count_limit:
        st.caption(f"At most {EXPORT_LIMIT:,} leads, in the order of the list.")


def _made(desk: Desk, user_id: uuid.UUID, kind: Kind, wanted: LeadFilter, order: str,
          only: tuple[uuid.UUID, ...] | None) -> Callable[[], bytes]:
    """What Streamlit calls in a thread of its own when the button is clicked. No Streamlit in here."""
    def make() -> bytes:
        try:
            with db.transaction() as session:
                actor = desks.actor_of(desk, session, user_id)
                found = exports.write(session, actor, kind, wanted=wanted, order=order, only=only)
        except LeadDeskError as error:
            with desk.lock:
                desk.outbox.append(Notice(str(error), done=False))
            raise
        if found.is_capped:
            with desk.lock:
                desk.outbox.append(Notice(f"Only the first {found.count:,} leads were exported. Narrow the list to "
                                          "export the rest.", done=False))
        # Streamlit takes bytes only, and keeps them in memory until they are fetched.
        return found.file.read()
    return make
