"""Where people come in and go out: the page for whoever is not let in, and the menu with the way out."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

import streamlit as st

from lib import db, sign_ins, users
from lib.auth import Actor
from lib.config import settings
from lib.errors import LeadDeskError, NoAccess, NotSignedIn
from lib.ui import desk as desks
from lib.ui import words
from lib.ui.desk import Desk, Notice

# What a section [auth.name] of secrets.toml is called on its button, where capital letters are not all it takes.
SPELLINGS: Mapping[str, str] = {"entra": "Microsoft", "github": "GitHub", "gitlab": "GitLab", "auth0": "Auth0"}
# Streamlit's header takes no widgets of ours; a line of its own would push every page down.
IN_THE_HEADER = """<style>
[data-testid=stLayoutWrapper]:has(> .st-key-user_menu) { position: fixed; top: .6rem; right: 1rem; z-index: 999991;
                                                         width: auto; max-width: 45vw; }
/* A long name ends in dots: on a phone it would be three lines high. */
.st-key-user_menu button { max-width: 45vw; }
.st-key-user_menu button * { min-width: 0; }
.st-key-user_menu button p { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
</style>"""


def draw(refusal: LeadDeskError) -> None:
    """In place of every page: why nobody is let in, and the way to sign in, or out again."""
    with st.container(horizontal_alignment="center", key="gate"), st.container(border=True, width=420, gap="small"):
        if isinstance(refusal, NoAccess):
            _no_access(refusal)
        else:
            st.header("Lead Desk", anchor=False)
            st.text(str(refusal))
            if settings().auth:
                _ways_in()


def _no_access(refusal: LeadDeskError) -> None:
    st.header("No access", anchor=False)
    # Not as Markdown, which would make a link of an address.
    st.text(str(refusal))
    email = None if settings().is_open else st.user.get("email")
    if email and str(email) not in str(refusal):
        st.text(f"You are signed in as {email}.")
    if settings().auth:
        # Nobody's sign-ins have to be ended here, as this person has none that count.
        st.button("Sign out", key="sign_out", icon=":material/logout:", width="stretch", on_click=st.logout,
                  help="To sign in with another account")


def _ways_in() -> None:
    ways = sign_ins.providers(settings())
    for way in ways:
        label = "Sign in" if way is None else f"Sign in with {SPELLINGS.get(way, way.capitalize())}"
        if st.button(label, key=f"sign_in:{way or ''}", type="primary" if way == ways[0] else "secondary",
                     icon=":material/login:", width="stretch"):
            st.login(way)


def menu(actor: Actor) -> None:
    """Who one is, and the way out. Where everybody may be anybody there is nothing to say."""
    if settings().is_open:
        return
    st.html(IN_THE_HEADER)
    with st.container(key="user_menu", width="content"), st.popover(words.plain(actor.name), icon=":material/person:",
                                                                    type="tertiary"):
        st.markdown(f"**{words.plain(actor.name)}**  \n{words.ROLE[actor.role]} · {words.plain(actor.company)}")
        desk = desks.of_session()
        signed_in = desk.signed_in
        st.text(signed_in.email)
        if settings().auth:
            st.caption(f"Signed in until {words.time_of(signed_in.ends_at)}")
            st.button("Sign out", key="sign_out", icon=":material/logout:", width="stretch", on_click=_sign_out,
                      args=(desk, actor.user_id), help="Here, and in every other browser that you are signed in with")


def _sign_out(desk: Desk, user_id: uuid.UUID) -> None:
    """Tabs that are open stay signed in as far as Streamlit is concerned, so the database is told too."""
    try:
        with db.transaction() as session:
            users.sign_out_everywhere(session, desks.actor_of(desk, session, user_id), now=datetime.now(UTC))
    except (NotSignedIn, NoAccess):
        # What this tab signed in with counts no longer, so only the cookie is left to be thrown away.
        pass
    except LeadDeskError as error:
        with desk.lock:
            desk.outbox.append(Notice(f"You are still signed in. {error}", done=False))
        return
    st.logout()
