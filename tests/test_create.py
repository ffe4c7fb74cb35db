import uuid

import pytest
from sqlalchemy import func, select

from lib import new_leads, once, undo
from lib.errors import Duplicate, Invalid, NotAllowed
from lib.fields import MAX_SCORE, MAX_TAG, MAX_TAGS
from lib.models import Lead, LeadCompany, LeadEvent
from tests.crowd import at_once
from tests.factories import events, make_firm, make_lead, row


def count(session, actor):
    return session.scalar(select(func.count()).where(Lead.company_id == actor.company_id))


def test_it_makes_a_new_lead_of_the_actors_company(session, cast, now):
    lead_id = new_leads.create(session, cast.alice, {"first_name": " John ", "last_name": "Doe"}, now=now)

    lead = row(session, lead_id)
    assert (lead.first_name, lead.last_name, lead.company_id) == ("John", "Doe", cast.alice.company_id)
    assert (lead.status, lead.assigned_to_user_id, lead.contact_count, lead.response_count) == ("new", None, 0, 0)
    assert (lead.tags, lead.enrichment_data) == ([], {})


def test_it_keeps_every_field_it_is_given(session, cast, now):
    values = {"first_name": "John", "last_name": "Doe", "job_title": "CTO", "email": "john@acme.com",
              "phone": "+1-555-0123", "linkedin_url": "https://linkedin.com/in/john", "status": "enriched", "score": 80,
              "tags": ["saas", "berlin"], "notes": "Met at a fair\nLikes tea", "source": "linkedin",
              "source_workflow": "n8n-7", "enrichment_data": {"size": [1, 2.5, None, {"a": True}]}}

    lead_id = new_leads.create(session, cast.alice, values, now=now)

    assert {name: getattr(row(session, lead_id), name) for name in values} == values


def test_it_records_the_event(session, cast, now):
    lead_id = new_leads.create(session, cast.alice, {"last_name": "Doe", "score": 5, "company": "Globex"}, now=now)

    event, = events(session, lead_id)
    firm = row(session, lead_id).lead_company_id
    assert (event.action, event.actor_id, event.at, event.before) == ("created", cast.alice.user_id, now, {})
    assert event.after == {"last_name": "Doe", "score": 5, "lead_company_id": str(firm)}


def test_it_makes_the_firm_once(session, cast, now):
    first = new_leads.create(session, cast.alice, {"last_name": "One", "company": "Globex"}, now=now)
    second = new_leads.create(session, cast.alice, {"last_name": "Two", "company": " GLOBEX "}, now=now)

    assert row(session, first).lead_company_id == row(session, second).lead_company_id is not None
    assert session.scalars(select(LeadCompany.name).where(
        LeadCompany.company_id == cast.alice.company_id)).all() == ["Globex"]


def test_it_does_not_use_another_companys_firm(session, cast, now):
    theirs = make_firm(session, cast.olga, "Globex")

    lead_id = new_leads.create(session, cast.alice, {"last_name": "Doe", "company": "Globex"}, now=now)

    assert row(session, lead_id).lead_company_id not in (None, theirs)


@pytest.mark.parametrize("known", ["first_name", "last_name", "email", "linkedin_url"])
def test_one_way_to_tell_a_lead_is_enough(session, cast, now, known):
    value = "ada@example.com" if known == "email" else "linkedin.com"

    assert row(session, new_leads.create(session, cast.alice, {known: value}, now=now)).status == "new"


@pytest.mark.parametrize("values", [{}, {"last_name": " "}, {"phone": "123", "score": 1}, {"email": ""}])
def test_it_refuses_a_lead_that_nobody_could_tell(session, cast, now, values):
    with pytest.raises(Invalid, match="needs at least a name, an e-mail address or a LinkedIn address"):
        new_leads.create(session, cast.alice, values, now=now)

    assert count(session, cast.alice) == 0


LONG = "x" * 20_001
REFUSED = [
    ("first_name", "x" * 201), ("last_name", "x" * 201), ("job_title", "x" * 201), ("phone", "1" * 51),
    ("source", "x" * 201), ("source_workflow", "x" * 201), ("company", "x" * 201), ("notes", LONG),
    ("email", f"{'a' * 310}@example.com"), ("linkedin_url", f"https://linkedin.com/{'a' * 1980}"),
    ("first_name", 5), ("last_name", ["Doe"]), ("company", {"name": "Acme"}), ("notes", b"bytes"),
    ("first_name", "a\0b"), ("last_name", "\ud800"), ("job_title", "a\nb"), ("notes", "\x07"), ("phone", "\x1b[2J"),
    ("company", "a\0b"), ("company", "\udfff"),
    ("email", "nobody"), ("email", "a@b"), ("email", "a b@example.com"), ("email", "a@example..com"),
    ("email", "a@-example.com"), ("email", "Ada <ada@example.com>"), ("email", 5),
    ("linkedin_url", "javascript:alert(1)"), ("linkedin_url", "ftp://example.com"), ("linkedin_url", "nowhere"),
    ("linkedin_url", "https://exa mple.com"), ("linkedin_url", "http://[::1"), ("linkedin_url", "data:text/html,x"),
    ("status", "asleep"), ("status", None), ("status", "New"), ("status", 1), ("status", []),
    ("score", -1), ("score", MAX_SCORE + 1), ("score", 1.5), ("score", "many"), ("score", True), ("score", "-1"),
    ("score", float("nan")), ("score", float("inf")), ("score", 10**40), ("score", "²"),
    ("tags", "saas"), ("tags", [1]), ("tags", ["x" * (MAX_TAG + 1)]), ("tags", [str(n) for n in range(MAX_TAGS + 1)]),
    ("tags", ["a\0"]), ("tags", {"a": 1}),
    ("enrichment_data", []), ("enrichment_data", "{}"), ("enrichment_data", {"a": "\0"}),
    ("enrichment_data", {"\ud800": 1}), ("enrichment_data", {"a": float("nan")}), ("enrichment_data", {"a": [1e999]}),
    ("enrichment_data", {1: 1}), ("enrichment_data", {"a": object()}),
    ("assigned_to_user_id", str(uuid.uuid4())), ("contact_count", 5), ("company_id", str(uuid.uuid4())),
    ("id", str(uuid.uuid4())), ("height", 180),
]


@pytest.mark.parametrize(("field", "value"), REFUSED, ids=[f"{f}-{n}" for n, (f, _) in enumerate(REFUSED)])
def test_it_refuses_a_value_and_names_the_field(session, cast, now, field, value):
    with pytest.raises(Invalid) as refusal:
        new_leads.create(session, cast.alice, {"first_name": "John", field: value}, now=now)

    assert list(refusal.value.fields) == [field]
    assert str(refusal.value) == refusal.value.fields[field] and str(refusal.value).endswith(".")
    assert count(session, cast.alice) == 0


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": [value]}
    return value


def test_it_refuses_enrichment_that_is_nested_without_end(session, cast, now):
    with pytest.raises(Invalid) as refusal:
        new_leads.create(session, cast.alice, {"last_name": "Doe", "enrichment_data": nested(5_000)}, now=now)

    assert list(refusal.value.fields) == ["enrichment_data"]


ACCEPTED = [
    ("first_name", "x" * 200, "x" * 200), ("phone", "1" * 50, "1" * 50), ("notes", "x" * 20_000, "x" * 20_000),
    ("notes", "a\r\nb\tc", "a\nb\tc"), ("job_title", "", None), ("notes", "  ", None), ("source", None, None),
    ("email", " Ada@Example.COM ", "ada@example.com"),
    ("email", f"{'a' * 308}@example.com", f"{'a' * 308}@example.com"),
    ("linkedin_url", "linkedin.com/in/ada", "https://linkedin.com/in/ada"),
    ("linkedin_url", f"https://linkedin.com/{'a' * 1979}", f"https://linkedin.com/{'a' * 1979}"),
    ("score", 0, 0), ("score", MAX_SCORE, MAX_SCORE), ("score", "42", 42), ("score", 7.0, 7), ("score", "", None),
    ("tags", None, []), ("tags", [" a ", "a", "", "b"], ["a", "b"]), ("tags", ("a",), ["a"]),
    ("tags", ["x" * MAX_TAG], ["x" * MAX_TAG]),
    ("tags", [str(n) for n in range(MAX_TAGS)], [str(n) for n in range(30)]),
    ("enrichment_data", None, {}), ("enrichment_data", {"a": 1e15}, {"a": 1e15}),
    ("last_name", "<b>*[=HYPERLINK](x)*</b>", "<b>*[=HYPERLINK](x)*</b>"), ("last_name", "李 🎉", "李 🎉"),
]


@pytest.mark.parametrize(("field", "value", "stored"), ACCEPTED, ids=[f"{f}-{n}" for n, (f, *_) in enumerate(ACCEPTED)])
def test_it_takes_a_value_up_to_its_limit(session, cast, now, field, value, stored):
    lead_id = new_leads.create(session, cast.alice, {"first_name": "John"} | {field: value}, now=now)

    assert getattr(row(session, lead_id), field) == stored


def test_it_names_every_field_that_was_refused(session, cast, now):
    with pytest.raises(Invalid) as refusal:
        new_leads.create(session, cast.alice, {"last_name": "Doe", "email": "x", "score": -1, "company": "x" * 201},
                     now=now)

    assert sorted(refusal.value.fields) == ["company", "email", "score"]


# ---------------------------------------------------------------- duplicates


def test_it_refuses_an_address_that_another_lead_has(session, cast, now):
    first = new_leads.create(session, cast.alice, {"first_name": "Ada", "email": "ada@example.com"}, now=now)

    with pytest.raises(Duplicate, match="Ada already has the e-mail address ada@example.com") as refusal:
        new_leads.create(session, cast.bob, {"first_name": "Other", "email": " ADA@example.com"}, now=now)

    assert (refusal.value.lead_id, list(refusal.value.fields)) == (first, ["email"])
    assert count(session, cast.alice) == 1


def test_it_does_not_mind_another_companys_lead(session, cast, now):
    make_lead(session, cast.olga, email="ada@example.com")

    lead_id = new_leads.create(session, cast.alice, {"email": "ada@example.com"}, now=now)

    assert row(session, lead_id).company_id == cast.alice.company_id


def test_leads_without_an_address_are_no_duplicates(session, cast, now):
    for _ in range(2):
        new_leads.create(session, cast.alice, {"last_name": "Doe", "email": ""}, now=now)

    assert count(session, cast.alice) == 2


def test_an_address_is_free_again_when_its_lead_is_gone(session, cast, now):
    first = new_leads.create(session, cast.alice, {"email": "ada@example.com"}, now=now)
    undo.undo(session, cast.alice, events(session, first)[0].batch_id, now=now)

    assert new_leads.create(session, cast.alice, {"email": "ada@example.com"}, now=now) != first


def test_of_two_at_the_same_moment_one_is_made_and_the_other_told(committed_cast, engine, now):
    alice = committed_cast.alice
    for number in range(5):
        address = f"ada{number}@example.com"

        values = {"email": address, "company": f"Globex {number}"}
        outcomes = at_once(*[lambda session: new_leads.create(session, alice, values, now=now)] * 4)

        made = [outcome for outcome in outcomes if isinstance(outcome, uuid.UUID)]
        told = [outcome for outcome in outcomes if isinstance(outcome, Duplicate)]
        assert len(made) == 1 and len(told) == 3
        assert {duplicate.lead_id for duplicate in told} == set(made)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).where(Lead.company_id == alice.company_id)) == 5
        assert connection.scalar(select(func.count()).where(LeadEvent.company_id == alice.company_id)) == 5


def test_the_same_new_firm_at_the_same_moment_is_made_once(committed_cast, engine, now):
    alice = committed_cast.alice

    at_once(*[lambda session: new_leads.create(session, alice, {"last_name": "Doe", "company": "Globex"}, now=now)] * 6)

    with engine.connect() as connection:
        firms = connection.scalars(select(LeadCompany.name).where(LeadCompany.company_id == alice.company_id)).all()
    assert firms == ["Globex"]


# ---------------------------------------------------------------- with an owner, and once


def test_it_can_belong_to_somebody_from_the_start(session, cast, now):
    lead_id = new_leads.create(session, cast.alice, {"last_name": "Doe"}, owner=cast.alice.user_id, now=now)

    assert (row(session, lead_id).assigned_to_user_id, row(session, lead_id).assigned_at) == (cast.alice.user_id, now)
    assert events(session, lead_id)[0].after["assigned_to_user_id"] == str(cast.alice.user_id)


def test_a_rep_cannot_make_a_lead_for_somebody_else(session, cast, now):
    with pytest.raises(NotAllowed, match="a team lead can give it"):
        new_leads.create(session, cast.alice, {"last_name": "Doe"}, owner=cast.bob.user_id, now=now)
    assert count(session, cast.alice) == 0
    new_leads.create(session, cast.tess, {"last_name": "Doe"}, owner=cast.bob.user_id, now=now)
    assert count(session, cast.alice) == 1


def test_nobody_who_has_left_gets_a_lead(session, cast, now):
    with pytest.raises(Invalid, match="no longer works here"):
        new_leads.create(session, cast.tess, {"last_name": "Doe"}, owner=cast.lea.user_id, now=now)


def test_a_repeat_with_the_same_key_makes_no_second_lead(session, cast, now):
    key = once.new_key()

    first, second = (new_leads.create_once(session, cast.alice, key, {"last_name": "Doe"}, now=now) for _ in range(2))

    assert (first.done, first.batch_id) == (second.done, second.batch_id)
    assert count(session, cast.alice) == 1
    undo.undo(session, cast.alice, first.batch_id, now=now)
    assert count(session, cast.alice) == 0
