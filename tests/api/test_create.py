"""New leads, one or hundreds at a time, some of which are there already."""

import pytest
from sqlalchemy import select

from lib.arrivals import Fate
from lib.fields import MAX_TAGS
from lib.models import Lead, LeadCompany
from tests.api.test_leads import count, error
from tests.factories import events, make_lead, row

ADA = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com",
       "linkedin_url": "https://www.linkedin.com/in/ada"}


def test_a_new_lead_is_stored_with_what_it_came_with(session, cast, caller):
    answer = caller(cast.tess).post("/leads", ADA | {
        "status": "new", "score": "7", "tags": ["n8n"], "company": "Analytical Engines", "source": "linkedin",
        "source_workflow": "Scrape", "enrichment_data": {"size": 5}, "phone": "", "notes": None})

    lead = row(session, answer.json()["id"])
    assert (answer.status_code, answer.json()["result"]) == (201, "created")
    assert (lead.first_name, lead.email, lead.score, lead.tags, lead.phone, lead.enrichment_data) == (
        "Ada", "ada@example.com", 7, ["n8n"], None, {"size": 5})
    assert session.get_one(LeadCompany, lead.lead_company_id).name == "Analytical Engines"
    event, = events(session, lead.id)
    assert (event.action, event.source, event.actor_id) == ("created", "api", cast.tess.user_id)
    assert event.after["source"] == "linkedin" and "phone" not in event.after


@pytest.mark.parametrize("again", [
    {"last_name": "Other", "email": " ADA@Example.com "},
    {"last_name": "Other", "linkedin_url": "http://de.linkedin.com/in/ada/?utm=1"}])
def test_one_that_is_there_is_answered_with(session, cast, caller, again):
    call = caller(cast.tess)
    first = call.post("/leads", ADA).json()

    answer = call.post("/leads", again)

    assert (answer.status_code, answer.json()) == (200, first | {"result": "existing"})
    assert count(session, cast.tess) == 1 and len(events(session, first["id"])) == 1


def test_it_is_written_to_where_the_call_says_so(session, cast, caller):
    call = caller(cast.tess)
    lead_id = make_lead(session, cast.tess, email="ada@example.com", phone="110", tags=["vip"], status="qualified",
                        enrichment_data={"city": "London"})

    answer = call.post("/leads", ADA | {"phone": "", "score": 9, "tags": ["n8n"], "status": "enriched",
                                        "enrichment_data": {"size": 5}}, on_duplicate="update")

    lead = row(session, lead_id)
    assert (answer.status_code, answer.json()["result"]) == (200, "updated")
    assert (lead.last_name, lead.phone, lead.score, lead.tags, lead.status, lead.enrichment_data) == (
        "Lovelace", "110", 9, ["vip", "n8n"], "qualified", {"city": "London", "size": 5})
    assert call.post("/leads", ADA | {"score": 9}, on_duplicate="update").json()["result"] == "unchanged"
    assert len(events(session, lead_id)) == 1


def test_it_is_refused_with_its_id_where_the_call_says_so(session, cast, caller):
    lead_id = make_lead(session, cast.tess, email="ada@example.com")

    refusal = error(caller(cast.tess).post("/leads", ADA, on_duplicate="error"), 409, "duplicate")

    assert refusal["lead_id"] == str(lead_id) and list(refusal["fields"]) == ["email"]
    assert count(session, cast.tess) == 1


def test_another_companys_lead_is_no_duplicate(session, cast, caller):
    make_lead(session, cast.olga, email="ada@example.com")

    assert caller(cast.tess).post("/leads", ADA).json()["result"] == "created"


@pytest.mark.parametrize(("body", "fields"), [
    ({}, ["last_name"]), ({"company": "Acme"}, ["last_name"]), ({"first_name": "A", "email": "nobody"}, ["email"]),
    ({"first_name": "A", "emial": "a@b.example"}, ["emial"]), ({"first_name": "A", "status": "open"}, ["status"]),
    ({"first_name": "A" * 201, "score": -1}, ["first_name", "score"]), ({"first_name": 5}, ["first_name"]),
    ({"first_name": "A", "linkedin_url": "javascript:alert(1)"}, ["linkedin_url"]),
    ({"first_name": "A", "assigned_to_user_id": None}, ["assigned_to_user_id"]), ({"first_name": "A", "tags": "a"}, ["tags"])])
def test_what_cannot_be_stored_is_refused_by_name(session, cast, caller, body, fields):
    assert sorted(error(caller(cast.tess).post("/leads", body), 422, "invalid")["fields"]) == fields
    assert count(session, cast.tess) == 0


# ---------------------------------------------------------------- batch


def batch(call, *rows, **query):
    answer = call.post("/leads/batch", {"leads": list(rows)}, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_batch_says_of_each_row_what_became_of_it(session, cast, caller):
    there = make_lead(session, cast.tess, email="grace@example.com")

    answer = batch(caller(cast.tess), ADA, {"last_name": "Hopper", "email": "grace@example.com"},
                   {"last_name": "Wrong", "email": "nobody"}, ADA | {"first_name": "Twin"})

    assert [(each["index"], each["status"], each["error_code"]) for each in answer["results"]] == [
        (0, "created", None), (1, "existing", None), (2, "refused", "invalid"), (3, "existing", None)]
    assert answer["results"][1]["id"] == str(there) and answer["results"][3]["id"] == answer["results"][0]["id"]
    assert answer["results"][2]["fields"] == {"email": "“nobody” is not an e-mail address."}
    assert answer["counts"] == {"created": 1, "existing": 2, "refused": 1}
    assert "error" not in answer and count(session, cast.tess) == 2


@pytest.mark.parametrize("rule", ["return", "update", "error"])
def test_the_same_batch_again_changes_nothing(session, cast, caller, rule):
    rows = [ADA, {"last_name": "Hopper", "linkedin_url": "linkedin.com/in/grace", "tags": ["n8n"], "company": "Navy",
                  "enrichment_data": {"size": 5}, "status": "enriched", "score": 5}]
    call = caller(cast.tess)
    batch(call, *rows)
    before = session.execute(select(*Lead.__table__.columns).order_by(Lead.id)).all()

    again = batch(call, *rows, on_duplicate=rule)

    expected = {"return": "existing", "update": "unchanged", "error": "refused"}[rule]
    assert [each["status"] for each in again["results"]] == [expected] * 2
    assert session.execute(select(*Lead.__table__.columns).order_by(Lead.id)).all() == before
    assert all(len(events(session, lead.id)) == 1 for lead in before)


def test_a_batch_that_updates_adds_up_what_its_rows_say_of_one_lead(session, cast, caller):
    lead_id = make_lead(session, cast.tess, email="ada@example.com", tags=["vip"])

    answer = batch(caller(cast.tess), ADA | {"tags": ["a"]}, ADA | {"tags": ["b"], "score": 3}, ADA,
                   {"last_name": "Hopper", "email": "grace@example.com"},
                   {"last_name": "Hopper", "email": "grace@example.com", "score": 8}, on_duplicate="update")

    assert [each["status"] for each in answer["results"]] == ["updated", "updated", "unchanged", "created", "updated"]
    assert (row(session, lead_id).tags, row(session, lead_id).score) == (["vip", "a", "b"], 3)
    assert row(session, answer["results"][3]["id"]).score == 8


@pytest.mark.parametrize("is_there", [False, True])
def test_rows_about_one_lead_cannot_give_it_more_tags_together_than_it_can_have(session, cast, caller, is_there):
    if is_there:
        make_lead(session, cast.tess, email="ada@example.com")
    rows = [ADA | {"tags": [f"{row}-{number}" for number in range(MAX_TAGS)]} for row in "ab"]

    first, second = batch(caller(cast.tess), *rows, on_duplicate="update")["results"]

    assert (first["status"], second["status"]) == ("updated" if is_there else "created", "refused")
    assert second["fields"].keys() == {"tags"} and row(session, first["id"]).tags == rows[0]["tags"]


def test_a_batch_that_updates_leaves_a_colleagues_lead_alone(session, cast, caller):
    theirs = make_lead(session, cast.tess, owner=cast.bob, email="ada@example.com", last_name="Byron")

    answer = batch(caller(cast.alice), ADA, {"last_name": "Hopper"}, on_duplicate="update")

    assert [(each["status"], each["error_code"]) for each in answer["results"]] == [
        ("refused", "not_allowed"), ("created", None)]
    assert row(session, theirs).last_name == "Byron" and events(session, theirs) == []


def test_two_addresses_of_two_leads_are_refused_where_they_would_be_written(session, cast, caller):
    make_lead(session, cast.tess, email="ada@example.com")
    make_lead(session, cast.tess, email=None, linkedin_url="https://www.linkedin.com/in/ada")

    answer = batch(caller(cast.tess), ADA, on_duplicate="update")

    assert (answer["results"][0]["status"], answer["results"][0]["fields"].keys()) == (Fate.REFUSED, {"linkedin_url"})


@pytest.mark.parametrize("leads", [[], [ADA] * 501, "none", [{"emial": "x"}]])
def test_a_batch_that_is_none_is_refused_whole(session, cast, caller, leads):
    error(caller(cast.tess).post("/leads/batch", {"leads": leads}), 422, "invalid")

    assert count(session, cast.tess) == 0


def test_five_hundred_leads_are_one_batch_and_one_undo(session, cast, caller):
    rows = [{"last_name": f"Lead {number}", "email": f"lead{number}@example.com"} for number in range(500)]

    answer = batch(caller(cast.tess), *rows)

    assert answer["counts"] == {"created": 500} and count(session, cast.tess) == 500
    assert len({events(session, each["id"])[0].batch_id for each in answer["results"][::100]}) == 1
