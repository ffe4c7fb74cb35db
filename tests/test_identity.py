"""Who is looking, and that nothing is written for somebody whose sign-in no longer counts."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from lib import uploads, users
from lib.config import Settings
from lib.errors import DatabaseUnavailable
from lib.models import Status, User
from lib.sign_ins import SignIn
from lib.ui import desk as desks
from lib.ui import gate
from lib.ui.desk import Desk
from tests.factories import events, make_lead, row

ADDRESS = "alice@acme.example"


@pytest.fixture
def lead(session, cast):
    session.execute(update(User).where(User.id == cast.alice.user_id).values(email=ADDRESS))
    return make_lead(session, cast.alice, owner=cast.alice, status="enriched")


def tab(*, hours: float = 12, ago: timedelta = timedelta(minutes=1)) -> Desk:
    """A tab of Alice's, who signed in so long ago for so many hours."""
    issued = datetime.now(UTC) - ago
    return Desk(signed_in=SignIn(ADDRESS, issued, issued + timedelta(hours=hours)))


def qualify(desk, cast, lead) -> str:
    """Set the lead's status from this tab, as a cell of the grid does; what is said about it."""
    desks.change_cell(desk, cast.alice.user_id, lead, "status", seen="enriched", value=Status.QUALIFIED, lead="Ada")
    [notice] = desk.outbox
    return notice.text


def test_a_tab_of_somebody_signed_in_writes(session, cast, lead):
    assert qualify(tab(), cast, lead) == "Status of Ada saved."

    assert row(session, lead).status == "qualified"
    assert [event.actor_id for event in events(session, lead)] == [cast.alice.user_id]


def test_a_tab_whose_sign_in_has_ended_writes_nothing(session, cast, lead):
    assert qualify(tab(hours=1, ago=timedelta(hours=1)), cast, lead) == (
        "Your sign-in has ended. Sign in again to go on.")

    assert row(session, lead).status == "enriched"
    assert events(session, lead) == []


def test_a_tab_left_open_when_somebody_signed_out_elsewhere_writes_nothing(session, cast, lead):
    users.sign_out_everywhere(session, cast.alice, now=datetime.now(UTC))

    assert qualify(tab(), cast, lead) == "You have signed out. Sign in again to go on."
    assert row(session, lead).status == "enriched"


@pytest.mark.parametrize("values", [{"is_active": False}, {"is_service": True}, {"email": "other@acme.example"}])
def test_a_tab_of_somebody_who_lost_access_writes_nothing(session, cast, lead, values):
    session.execute(update(User).where(User.id == cast.alice.user_id).values(**values))

    assert qualify(tab(), cast, lead) == "You have no access to Lead Desk. Ask your manager to add you."
    assert row(session, lead).status == "enriched"


def test_a_tab_in_which_nobody_has_signed_in_writes_only_where_nobody_has_to(session, cast, lead, monkeypatch):
    monkeypatch.setattr(desks, "settings", lambda: Settings("postgresql://lead@db/desk"))

    assert qualify(Desk(), cast, lead) == "Sign in to go on."
    assert row(session, lead).status == "enriched"

    monkeypatch.setattr(desks, "settings", Settings)
    assert qualify(Desk(), cast, lead) == "Status of Ada saved."


# ---------------------------------------------------------------- going out


@pytest.fixture
def cookies_thrown_away(monkeypatch) -> list[bool]:
    thrown: list[bool] = []
    monkeypatch.setattr(gate.st, "logout", lambda: thrown.append(True))
    return thrown


def test_signing_out_is_kept_in_the_database_before_the_cookie_goes(session, cast, lead, cookies_thrown_away):
    desk = tab()

    gate._sign_out(desk, cast.alice.user_id)

    assert session.scalar(select(User.signed_out_at).where(User.id == cast.alice.user_id)) > desk.signed_in.issued_at
    assert cookies_thrown_away == [True]


def test_a_tab_that_counts_no_more_ends_no_other_sign_in(session, cast, lead, cookies_thrown_away):
    gate._sign_out(tab(hours=1, ago=timedelta(hours=2)), cast.alice.user_id)

    assert session.scalar(select(User.signed_out_at).where(User.id == cast.alice.user_id)) is None
    assert cookies_thrown_away == [True]


def test_somebody_who_could_not_be_signed_out_is_told_so(cast, lead, cookies_thrown_away, monkeypatch):
    def fails(*args, **kwargs):
        raise DatabaseUnavailable("The database does not answer.")
    monkeypatch.setattr(users, "sign_out_everywhere", fails)
    desk = tab()

    gate._sign_out(desk, cast.alice.user_id)

    assert [(each.text, each.done) for each in desk.outbox] == [
        ("You are still signed in. The database does not answer.", False)]
    assert cookies_thrown_away == []


def test_a_tab_may_send_files_while_its_owner_is_let_in_and_no_longer(session, cast, open_page):
    app = open_page(cast.alice)
    assert uploads.is_allowed("test session id")

    session.execute(update(User).where(User.id == cast.alice.user_id).values(is_active=False))
    app.run()

    assert not uploads.is_allowed("test session id")


# ---------------------------------------------------------------- time zones


@pytest.mark.parametrize(("zone", "told"), [("Asia/Tokyo", "Asia/Tokyo"), (None, "UTC"), ("Mars/Olympus", "UTC")])
def test_the_time_zone_that_somebody_has_chosen_wins_over_the_browsers(session, cast, zone, told):
    session.execute(update(User).where(User.id == cast.alice.user_id).values(time_zone=zone))

    app = AppTest.from_function(_zone, default_timeout=30)
    app.session_state["identity"] = str(cast.alice.user_id)

    assert app.run().markdown[0].value == told


def _zone():
    import streamlit as st

    from lib.ui import identity, words

    identity.read()
    st.markdown(str(words.zone()))
