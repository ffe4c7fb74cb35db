"""A person's data: all of it can be handed out, and all of it can be erased."""

import json
import uuid

import pytest
from sqlalchemy import func, insert, select, update

from lib import assignment, contacts, deliveries, leads, leavers, once, persons, staffing, team, tokens
from lib.errors import Invalid, NotFound, NotSignedIn
from lib.fields import to_json
from lib.leads import Edit
from lib.models import ContactAttempt, IdempotencyKey, Lead, LeadEvent, Role, User
from lib.staffing import Taking
from tests.factories import attempts, events, make_firm, make_lead, make_user, row, settings_events, user_row

ADA = "ada@person.example"


@pytest.fixture
def ada(session, cast, now):
    """A lead with a firm, a change and a contact, made by a keyed request."""
    lead_id = make_lead(session, cast.alice, email=ADA, owner=cast.alice, score=1, notes="Likes tea",
                        lead_company_id=make_firm(session, cast.alice, "Analytical Engines"))
    leads.edit(session, cast.alice, [Edit(lead_id, "score", 1, 2)], now=now)
    contacts.log_contact(session, cast.alice, [lead_id], method="call", notes="Spoke of engines", key=once.new_key(),
                         now=now)
    return lead_id


def has(session, table, *conditions):
    return session.scalar(select(func.count()).select_from(table).where(*conditions))


# ---------------------------------------------------------------- hand out


def test_everything_about_a_lead_is_handed_out(session, cast, ada, now):
    given = persons.collected(session, persons.find(session, "Ada@Person.example "), now=now)

    told = json.loads(json.dumps(given, default=to_json))
    assert (told["email"], told["user"], len(told["leads"])) == (ADA, None, 1)
    [lead] = told["leads"]
    assert set(lead) >= {column.name for column in Lead.__table__.columns}
    assert (lead["notes"], lead["customer"], lead["firm"]["name"]) == (
        "Likes tea", "Acme Outbound", "Analytical Engines")
    assert [each["notes"] for each in lead["contacts"]] == ["Spoke of engines"]
    assert [each["action"] for each in lead["events"]] == ["edited", "contacted"]


def test_everything_about_a_user_is_handed_out_but_no_hash(session, cast, ada, now):
    session.execute(update(User).where(User.id == cast.alice.user_id).values(email="alice@acme.example"))
    _, token = tokens.create(session, cast.alice, user_id=cast.alice.user_id, name="Laptop", now=now)
    team.change(session, cast.mona, cast.alice.user_id, {"name": "Alice Archer"}, now=now)

    text = json.dumps(persons.collected(session, persons.find(session, "alice@acme.example"), now=now), default=to_json)

    user = json.loads(text)["user"]
    assert (user["name"], user["customer"], user["leads_owned"]) == ("Alice Archer", "Acme Outbound", [str(ada)])
    assert user["changes_of_leads_by_action"] == {"edited": 1, "contacted": 1}
    assert user["contacts_made"] == [str(attempts(session, ada)[0].id)]
    assert [each["name"] for each in user["tokens"]] == ["Laptop"]
    assert [each["after"] for each in user["settings_changed"]] == [{"name": "Alice Archer"}]
    assert token not in text and "token_hash" not in text


def test_the_same_address_in_two_companies_is_one_person_unless_one_is_named(session, cast, ada):
    theirs = make_lead(session, cast.olga, email=ADA)

    assert {lead.id for lead in persons.find(session, ADA).leads} == {ada, theirs}
    assert [lead.id for lead in persons.find(session, ADA, company_id=cast.olga.company_id).leads] == [theirs]


def test_of_whom_nothing_is_stored_nothing_is_found(session, cast, ada):
    with pytest.raises(NotFound, match="Nothing is stored about nobody@person.example."):
        persons.find(session, "nobody@person.example")


# ---------------------------------------------------------------- erase a lead


def test_an_erased_lead_leaves_no_trace(session, cast, ada, now):
    key = once.new_key()
    once.once(session, cast.alice, key, {}, lambda: {"status": 200, "body": json.dumps({"id": str(ada)})})
    batch_key = once.new_key()
    once.once(session, cast.alice, batch_key, {}, lambda: {"body": json.dumps({"data": [{"email": ADA}]})})
    other_key = once.new_key()
    once.once(session, cast.alice, other_key, {}, lambda: {"lead": str(uuid.uuid4())})
    other = make_lead(session, cast.alice, owner=cast.alice)

    erased = persons.erase(session, persons.find(session, ADA), now=now)

    assert (erased.leads, erased.users, erased.mentioned) == (1, 0, 0)
    assert has(session, Lead, Lead.id == ada) == 0
    assert has(session, LeadEvent, LeadEvent.lead_id == ada) == has(
        session, ContactAttempt, ContactAttempt.lead_id == ada) == 0
    assert has(session, IdempotencyKey, IdempotencyKey.key.in_([key, batch_key])) == 0
    assert has(session, IdempotencyKey, IdempotencyKey.key == other_key) == 1
    assert row(session, other).assigned_to_user_id == cast.alice.user_id
    [event] = settings_events(session, cast.mona)
    assert (event.subject, event.action, event.after, event.actor_id, event.source) == (
        "company", "leads_erased", {"leads": 1}, None, "system")
    with pytest.raises(NotFound):
        persons.find(session, ADA)


def test_a_delivery_that_clashed_with_the_lead_no_longer_names_it(session, cast, ada, now):
    other = make_lead(session, cast.alice, owner=cast.alice, email=None, status="enriched")
    deliveries.enrich(session, cast.alice, other, {"email": ADA}, now=now)
    [before] = events(session, other)
    assert before.action == "enrichment_refused" and ADA in before.detail["reason"]

    persons.erase(session, persons.find(session, ADA), now=now)

    [after] = events(session, other)
    assert (after.id, after.at, after.before) == (before.id, before.at, before.before)
    assert after.detail == {"reason": persons.CLASHED, "clash": "email", "with": None}


def test_the_history_of_another_lead_that_had_the_address_is_told_of(session, cast, ada, now):
    other = make_lead(session, cast.alice, email="first@person.example")
    leads.edit(session, cast.mona, [Edit(ada, "email", ADA, "second@person.example")], now=now)
    leads.edit(session, cast.mona, [Edit(other, "email", "first@person.example", ADA)], now=now)

    erased = persons.erase(session, persons.find(session, ADA), now=now)

    assert (erased.leads, erased.mentioned) == (1, 1)
    assert has(session, Lead, Lead.id == other) == 0 and has(session, Lead, Lead.id == ada) == 1


# ---------------------------------------------------------------- erase a user


@pytest.fixture
def bob(session, cast, now):
    """Bob with a past: a token, a change of his name, an assignment that passed him over, and a lead that is won."""
    session.execute(update(User).where(User.id == cast.bob.user_id).values(email="bob@acme.example"))
    team.change(session, cast.mona, cast.bob.user_id, {"name": "Robert Brown"}, now=now)
    staffing.set_taking(session, cast.mona, cast.bob.user_id, Taking(takes_leads=False), now=now)
    passed = make_lead(session, cast.alice, status="enriched")
    assignment.auto_assign(session, cast.mona, passed, now=now)
    won = make_lead(session, cast.bob, owner=cast.bob, status="converted")
    token_id, token = tokens.create(session, cast.bob, user_id=cast.bob.user_id, name="Robert's laptop", now=now)
    return {"passed": passed, "won": won, "token": token, "token_id": token_id}


def test_an_erased_user_is_nobody_any_more_and_history_stands(session, cast, bob, now):
    before = events(session, bob["passed"])
    assert "Robert Brown" in str(before)

    erased = persons.erase(session, persons.find(session, "bob@acme.example"), now=now)

    assert (erased.leads, erased.users) == (0, 1)
    user = user_row(session, cast.bob.user_id)
    assert (user.name, user.email, user.is_active, user.signed_out_at) == (
        "Erased user", f"{user.id}@erased.invalid", False, now)
    assert row(session, bob["won"]).assigned_to_user_id == user.id
    after = events(session, bob["passed"])
    assert [(each.id, each.at, each.before, each.after) for each in after] == [
        (each.id, each.at, each.before, each.after) for each in before]
    everything = str(after) + str(settings_events(session, cast.mona)) + str(tokens.of_company(session, cast.mona))
    assert "Erased user" in everything
    for trace in ("Robert", "Bob", "bob@acme.example"):
        assert trace not in everything
    assert [each.action for each in settings_events(session, cast.mona)][-1] == "erased"
    with pytest.raises(NotSignedIn):
        tokens.sign_in(session, bob["token"], now=now)


def test_whoever_is_erased_does_not_come_back(session, cast, bob, now):
    persons.erase(session, persons.find(session, "bob@acme.example"), now=now)

    with pytest.raises(Invalid, match="data was erased"):
        leavers.come_back(session, cast.mona, cast.bob.user_id)
    # The address is free again.
    assert team.invite(session, cast.mona, email="bob@acme.example", name="Bob", now=now)


def test_a_user_with_open_leads_is_left_as_they_are_and_so_is_a_lead_of_the_same_address(session, cast, bob, now):
    make_lead(session, cast.bob, owner=cast.bob, status="new")
    lead = make_lead(session, cast.bob, email="bob@acme.example")

    with pytest.raises(Invalid, match="Robert Brown owns 1 open lead. Hand them over first"):
        persons.erase(session, persons.find(session, "bob@acme.example"), now=now)

    assert user_row(session, cast.bob.user_id).name == "Robert Brown"
    assert has(session, Lead, Lead.id == lead) == 1


def test_the_last_manager_is_not_erased(session, cast, now):
    email = user_row(session, cast.mona.user_id).email

    with pytest.raises(Invalid, match="needs a manager"):
        persons.erase(session, persons.find(session, email), now=now)
    make_user(session, cast.mona.company_id, "Max", role=Role.MANAGER)
    assert persons.erase(session, persons.find(session, email), now=now).users == 1


def test_a_name_within_another_name_stays(session, cast, now):
    al = make_user(session, cast.mona.company_id, "Al", takes_leads=False, email="al@acme.example")
    make_user(session, cast.mona.company_id, "Al Green", takes_leads=False)
    lead = make_lead(session, cast.alice, status="enriched")
    assignment.auto_assign(session, cast.mona, lead, now=now)

    persons.erase(session, persons.find(session, "al@acme.example"), now=now)

    skipped = [name for name, _ in events(session, lead)[0].detail["skipped"]]
    assert "Al Green" in skipped and "Erased user" in skipped and "Al" not in skipped
    assert user_row(session, al.user_id).name == "Erased user"


def test_numbers_of_events_go_on_where_they_were(session, cast, bob, now):
    last = session.scalar(select(func.max(LeadEvent.id)))
    persons.erase(session, persons.find(session, "bob@acme.example"), now=now)
    session.execute(insert(LeadEvent).values(
        company_id=cast.alice.company_id, lead_id=bob["won"], batch_id=uuid.uuid4(), source="ui", action="edited",
        before={}, after={}, at=now))

    assert session.scalar(select(func.max(LeadEvent.id))) > last
