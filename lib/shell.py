"""The script that runs for every visitor: who is here, which pages there are, and the page that was asked for.

It does not lie beside the folder ``pages/``: Streamlit would then serve a deep link on a fresh process by running that
page alone, past everything that stands here.
"""

from pathlib import Path

import streamlit as st

from lib import logs
from lib.auth import RULES
from lib.errors import DatabaseUnavailable, NoAccess, NotSignedIn
from lib.models import Role
from lib.ui import gate, identity, outage

PAGES = Path(__file__).parent.parent / "pages"
# Files of our own: a Material icon for the tab would be fetched from an outside host.
LOOKS = Path(__file__).parent / "ui"

logs.begin()
st.set_page_config(page_title="Lead Desk", page_icon=str(LOOKS / "icon.svg"), layout="wide", initial_sidebar_state=210)
st.logo(str(LOOKS / "logo.svg"), size="medium")

actor, team, refusal = None, [], None
with outage.handled():
    identity.choose()
    try:
        actor, team = identity.read()
    except (NotSignedIn, NoAccess) as error:
        refusal = error
    except DatabaseUnavailable:
        # The page itself says so, and keeps what is being typed in its dialog. It shows nothing new meanwhile.
        if not identity.was_let_in():
            raise
# A team lead's page and a manager's, which others reach by their addresses.
leads_team = actor is not None and RULES[actor.role][2]
manages = actor is not None and actor.role is Role.MANAGER
# The address stays that of the page which was asked for, also while nobody is let in.
page = st.navigation(
    [
        st.Page(PAGES / "my_queue.py", title="My queue", icon=":material/inbox:", default=True),
        st.Page(PAGES / "all_leads.py", title="All leads", icon=":material/groups:", url_path="leads"),
        st.Page(PAGES / "log_contacts.py", title="Log contacts", icon=":material/edit_note:",
                url_path="log-contacts", visibility="visible" if leads_team else "hidden"),
        st.Page(PAGES / "workload.py", title="Workload", icon=":material/monitoring:",
                visibility="visible" if manages else "hidden"),
        st.Page(PAGES / "settings.py", title="Settings", icon=":material/settings:"),
        st.Page(PAGES / "lead.py", title="Lead", icon=":material/person:", visibility="hidden"),
        st.Page(PAGES / "import_leads.py", title="Import leads", icon=":material/upload_file:", url_path="import",
                visibility="hidden"),
    ],
    position="hidden" if refusal else "top",
)
if refusal is not None:
    gate.draw(refusal)
elif actor is not None:
    gate.menu(actor)
    with outage.handled(), identity.kept(actor, team):
        page.run()
elif identity.was_let_in():
    with outage.handled():
        page.run()
