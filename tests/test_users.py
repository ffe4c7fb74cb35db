import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from lib import assignment, users
from lib.errors import Invalid, NoAccess, NotAllowed, NotFound, NotSignedIn
from lib.models import Company, Role, User
from lib.sign_ins import SignIn
from lib.ui import words
from tests.factories import make_user


def test_signing_in_makes_the_actor(session, cast):
    session.execute(update(Company).where(Company.id == cast.tess.company_id).values(follow_up_days=10))

    actor, _ = users.sign_in(session, cast.tess.user_id)

    assert (actor.user_id, actor.company_id, actor.name, actor.role) == (
        cast.tess.user_id, cast.tess.company_id, "Tess Turner", Role.TEAM_LEAD)
    assert (actor.company, actor.follow_up_days) == ("Acme Outbound", 10)


def test_signing_in_knows_the_colleagues_by_name_and_nobody_else(session, cast):
    _, members = users.sign_in(session, cast.alice.user_id)

    assert [(member.name, member.is_active) for member in members] == [
        ("Alice Adams", True), ("Bob Brown", True), ("Lea Lang", False), ("Mona Meyer", True), ("Tess Turner", True)]


def test_who_has_left_cannot_sign_in(session, cast):
    with pytest.raises(NotAllowed, match="You have no access to Lead Desk. Ask your manager to add you."):
        users.sign_in(session, cast.lea.user_id)


@pytest.mark.parametrize("look_alike", [
    "mi\N{KELVIN SIGN}e@acme.example", "m\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}ke@acme.example",
    "mike@acme.e\N{CYRILLIC SMALL LETTER HA}ample"])
def test_who_has_an_address_that_only_looks_like_somebodys_is_nobody(session, cast, now, look_alike):
    mike = make_user(session, cast.alice.company_id, "Mike", email="mike@acme.example")
    vouched = SignIn(look_alike, now, now + timedelta(hours=1))

    with pytest.raises(NoAccess):
        users.sign_in_by_address(session, vouched)
    with pytest.raises(NoAccess):
        users.sign_in(session, mike.user_id, vouched)


def test_a_stranger_is_told_the_same_as_one_who_has_left(session, cast):
    with pytest.raises(NotAllowed, match="You have no access to Lead Desk. Ask your manager to add you."):
        users.sign_in(session, uuid.uuid4())


def test_a_colleague_who_has_left_is_still_known(session, cast):
    assert users.find(session, cast.alice, cast.lea.user_id).name == "Lea Lang"


@pytest.mark.parametrize("look", [users.find, users.check_can_own])
def test_somebody_of_another_company_is_nobody(session, cast, look):
    for user_id in (cast.olga.user_id, uuid.uuid4()):
        with pytest.raises(NotFound, match=r"^There is no such colleague\.$"):
            look(session, cast.alice, user_id)


def test_only_who_is_here_can_own_leads(session, cast):
    assert users.check_can_own(session, cast.alice, cast.bob.user_id).name == "Bob Brown"
    with pytest.raises(Invalid, match="Lea Lang no longer works here") as refusal:
        users.check_can_own(session, cast.alice, cast.lea.user_id, field="made_by")
    assert list(refusal.value.fields) == ["made_by"]


def test_the_demo_offers_everybody_who_can_sign_in(session, cast):
    offered = {(person.name, person.role, person.company) for person in users.demo_identities(session)}

    assert offered >= {("Alice Adams", "rep", "Acme Outbound"), ("Tess Turner", "team_lead", "Acme Outbound"),
                       ("Olga Olsen", "manager", "Initech Sales")}
    assert "Lea Lang" not in {name for name, *_ in offered}


def test_an_address_belongs_to_one_user_whatever_its_case(session, cast):
    session.execute(update(User).where(User.id == cast.alice.user_id).values(email="alice@acme.example"))

    with pytest.raises(Exception, match="users_email_idx"), session.begin_nested():
        session.execute(update(User).where(User.id == cast.olga.user_id).values(email="Alice@Acme.example"))


# ---------------------------------------------------------------- signing in by address, and out


@pytest.fixture
def address(session, cast) -> str:
    session.execute(update(User).where(User.id == cast.alice.user_id).values(email="Alice@Acme.example"))
    return "Alice@Acme.example"


def signed_in(address: str, now: datetime) -> SignIn:
    return SignIn(address, now, now + timedelta(hours=12))


@pytest.mark.parametrize("written", ["Alice@Acme.example", "alice@acme.example", "ALICE@ACME.EXAMPLE"])
def test_an_address_signs_in_whoever_has_it_whatever_its_case(session, cast, now, address, written):
    found, members = users.sign_in_by_address(session, signed_in(written, now))

    assert found == users.sign_in(session, cast.alice.user_id)[0]
    assert len(members) == 5


@pytest.mark.parametrize("written", ["", "alice", "alice@acme.example ", "%", "alice@acme_example",
                                     "mallory@acme.example"])
def test_no_other_address_signs_in(session, cast, now, address, written):
    with pytest.raises(NoAccess, match="You have no access to Lead Desk. Ask your manager to add you."):
        users.sign_in_by_address(session, signed_in(written, now))


@pytest.mark.parametrize("values", [{"is_active": False}, {"is_service": True}, {"email": "other@acme.example"}])
def test_a_sign_in_counts_no_more_once_the_user_has_changed(session, cast, now, address, values):
    session.execute(update(User).where(User.id == cast.alice.user_id).values(**values))

    for again in (lambda: users.sign_in_by_address(session, signed_in(address, now)),
                  lambda: users.sign_in(session, cast.alice.user_id, signed_in(address, now))):
        with pytest.raises(NoAccess, match="Ask your manager to add you"):
            again()


def test_an_address_does_not_make_somebody_another_user(session, cast, now, address):
    assert users.sign_in(session, cast.alice.user_id, signed_in(address, now))[0].user_id == cast.alice.user_id
    with pytest.raises(NoAccess):
        users.sign_in(session, cast.mona.user_id, signed_in(address, now))


def test_a_role_is_the_one_of_this_moment(session, cast, now, address):
    assert users.sign_in_by_address(session, signed_in(address, now))[0].role is Role.REP
    session.execute(update(User).where(User.id == cast.alice.user_id).values(role="manager", time_zone="Asia/Tokyo"))

    found, _ = users.sign_in_by_address(session, signed_in(address, now))

    assert (found.role, found.time_zone) == (Role.MANAGER, "Asia/Tokyo")


def test_signing_out_ends_what_was_issued_until_then_and_nothing_later(session, cast, now, address):
    earlier, later = signed_in(address, now), signed_in(address, now + timedelta(seconds=1))

    users.sign_out_everywhere(session, cast.alice, now=now)

    assert session.scalar(select(User.signed_out_at).where(User.id == cast.alice.user_id)) == now
    for again in (lambda: users.sign_in_by_address(session, earlier),
                  lambda: users.sign_in(session, cast.alice.user_id, earlier)):
        with pytest.raises(NotSignedIn, match="You have signed out. Sign in again to go on."):
            again()
    assert users.sign_in_by_address(session, later)[0].user_id == cast.alice.user_id


def test_signing_out_is_ones_own_affair(session, cast, now):
    users.sign_out_everywhere(session, cast.alice, now=now)

    assert session.scalars(select(User.id).where(User.signed_out_at.is_not(None))).all() == [cast.alice.user_id]


# ---------------------------------------------------------------- service users


@pytest.fixture
def machine(session, cast):
    return make_user(session, cast.alice.company_id, "N8N", is_service=True)


def test_a_service_user_never_signs_in(session, machine):
    with pytest.raises(NoAccess):
        users.sign_in(session, machine.user_id)
    assert "N8N" not in {each.name for each in users.demo_identities(session)}


def test_a_service_user_is_given_no_leads(session, cast, machine):
    with pytest.raises(Invalid, match="N8N is a service user and cannot be given leads."):
        users.check_can_own(session, cast.mona, machine.user_id)


def test_menus_offer_people_who_are_here(session, cast, machine):
    _, members = users.sign_in(session, cast.mona.user_id)

    assert {each.name for each in members if each.is_service} == {"N8N"}
    assert {each.name for each in members if not each.can_own} == {"N8N", "Lea Lang"}
    assert set(words.owner_names(members, ()).values()) == {"Alice Adams", "Bob Brown", "Mona Meyer", "Tess Turner"}


def test_a_service_user_has_no_turn(session, cast, now, machine):
    turns = assignment.turns(session, cast.mona, now=now)

    assert "N8N" not in {each.name for each in turns.candidates}
