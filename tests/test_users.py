import uuid

import pytest
from sqlalchemy import update

from lib import users
from lib.errors import Invalid, NotAllowed, NotFound
from lib.models import Company, Role, User


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
