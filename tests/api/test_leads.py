"""What the calls about leads do, with the bodies that the specification prints."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from lib.models import Company, Lead
from tests.factories import attempts, events, make_firm, make_lead, row


def count(session, actor):
    return session.scalar(select(func.count()).select_from(Lead).where(Lead.company_id == actor.company_id))


def error(response, status, code):
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    return response.json()["error"]


# ---------------------------------------------------------------- assign


def test_assign_takes_the_specifications_body_and_gives_its_answer(session, cast, caller):
    lead_id = make_lead(session, cast.tess)

    answer = caller(cast.tess).post(f"/leads/{lead_id}/assign", {"userId": str(cast.bob.user_id)})

    lead = row(session, lead_id)
    assert answer.status_code == 200
    assert answer.json() == {
        "id": str(lead_id), "assigned_to_user_id": str(cast.bob.user_id), "assigned_to": "Bob Brown",
        "assigned_at": lead.assigned_at.isoformat().replace("+00:00", "Z")}
    assert lead.assigned_to_user_id == cast.bob.user_id
    assert (events(session, lead_id)[0].source, events(session, lead_id)[0].actor_id) == ("api", cast.tess.user_id)


def test_user_id_means_the_same_and_null_unassigns(session, cast, caller):
    lead_id, call = make_lead(session, cast.tess), caller(cast.tess)

    call.post(f"/leads/{lead_id}/assign", {"user_id": str(cast.bob.user_id)})
    assert row(session, lead_id).assigned_to_user_id == cast.bob.user_id
    call.post(f"/leads/{lead_id}/assign", {"userId": None})

    assert (row(session, lead_id).assigned_to_user_id, row(session, lead_id).assigned_at) == (None, None)


def test_assigning_to_the_same_user_changes_nothing(session, cast, caller):
    lead_id, call = make_lead(session, cast.tess), caller(cast.tess)
    first = call.post(f"/leads/{lead_id}/assign", {"userId": str(cast.bob.user_id)})

    again = call.post(f"/leads/{lead_id}/assign", {"userId": str(cast.bob.user_id)})

    assert again.json() == first.json() and len(events(session, lead_id)) == 1


@pytest.mark.parametrize(("who", "status", "code"), [("olga", 404, "not_found"), ("lea", 422, "invalid")])
def test_only_active_colleagues_can_be_given_leads(session, cast, caller, who, status, code):
    lead_id = make_lead(session, cast.tess)

    error(caller(cast.tess).post(f"/leads/{lead_id}/assign", {"userId": str(getattr(cast, who).user_id)}), status, code)

    assert row(session, lead_id).assigned_to_user_id is None and events(session, lead_id) == []


def test_assign_needs_to_be_told_whom(session, cast, caller):
    lead_id = make_lead(session, cast.tess)

    assert list(error(caller(cast.tess).post(f"/leads/{lead_id}/assign", {}), 422, "invalid")["fields"]) == ["userId"]


@pytest.mark.parametrize("nobody", ["", " ", "null"])
def test_a_text_that_names_nobody_leaves_the_lead_with_its_owner(session, cast, caller, nobody):
    lead_id = make_lead(session, cast.tess, owner=cast.bob)

    error(caller(cast.tess).post(f"/leads/{lead_id}/assign", {"userId": nobody}), 422, "invalid")

    assert row(session, lead_id).assigned_to_user_id == cast.bob.user_id


# ---------------------------------------------------------------- contact


def test_contact_takes_the_specifications_body_and_answers_with_the_lead(session, cast, caller):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, status="enriched")

    answer = caller(cast.alice).post(f"/leads/{lead_id}/contact",
                                     {"method": "email", "notes": "Sent intro email via Apollo"})

    lead, (attempt,) = row(session, lead_id), attempts(session, lead_id)
    assert (lead.status, lead.contact_count, lead.last_contact_method) == ("contacted", 1, "email")
    assert (attempt.notes, attempt.user_id, attempt.direction) == ("Sent intro email via Apollo", cast.alice.user_id,
                                                                   "outbound")
    assert answer.json() | {"id": str(lead_id), "status": "contacted", "contact_count": 1} == answer.json()


@pytest.mark.parametrize(("body", "field"), [
    ({"method": "pigeon"}, "method"), ({}, "method"), ({"method": "email", "subjct": "Hi"}, "subjct"),
    ({"method": "email", "occurred_at": "2999-01-01T00:00:00Z"}, "occurred_at"),
    ({"method": "email", "occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
    ({"method": "email", "notes": "x" * 20_001}, "notes")])
def test_a_contact_that_is_refused_names_the_field_and_counts_nothing(session, cast, caller, body, field):
    lead_id = make_lead(session, cast.alice)

    refusal = error(caller(cast.alice).post(f"/leads/{lead_id}/contact", body), 422, "invalid")

    assert list(refusal["fields"]) == [field] and refusal["message"] == refusal["fields"][field]
    assert row(session, lead_id).contact_count == 0 and attempts(session, lead_id) == []


# ---------------------------------------------------------------- enrichment and update


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_enrichment_takes_the_specifications_body(session, cast, caller, method):
    lead_id = make_lead(session, cast.tess, email=None)

    answer = caller(cast.tess)(method, f"/leads/{lead_id}", {
        "status": "enriched", "enrichment_data": {"email": "john@acme.com", "phone": "+1-555-0123", "job_title": ""}})

    lead = row(session, lead_id)
    assert answer.status_code == 200 and answer.json()["status"] == "enriched"
    assert (lead.status, lead.email, lead.phone, lead.job_title) == ("enriched", "john@acme.com", "+1-555-0123", None)
    assert events(session, lead_id)[0].after["email"] == "john@acme.com"


@pytest.mark.parametrize("status", ["contacted", "conversing", "qualified", "converted", "lost"])
def test_an_enrichment_leaves_a_lead_where_a_person_has_moved_it(session, cast, caller, status):
    lead_id = make_lead(session, cast.tess, status=status)

    answer = caller(cast.tess).post(f"/leads/{lead_id}", {"status": "enriched", "enrichment_data": {"size": 5}})

    assert answer.status_code == 200 and answer.json()["status"] == status
    assert row(session, lead_id).enrichment_data == {"size": 5}


def test_an_enrichment_that_clashes_names_the_lead_and_applies_nothing(session, cast, caller):
    other = make_lead(session, cast.tess, email="john@acme.com")
    lead_id = make_lead(session, cast.tess, email=None)

    answer = caller(cast.tess).post(f"/leads/{lead_id}", {
        "status": "enriched", "score": 9, "enrichment_data": {"email": "john@acme.com", "phone": "110"}})

    assert error(answer, 409, "duplicate")["lead_id"] == str(other)
    lead = row(session, lead_id)
    assert (lead.status, lead.phone, lead.score, lead.enrichment_data) == ("new", None, None, {})
    assert events(session, lead_id)[0].action == "enrichment_refused"


def test_a_refused_value_beside_an_enrichment_applies_neither(session, cast, caller):
    lead_id = make_lead(session, cast.tess, status="conversing")

    for body, status in (({"score": -1, "enrichment_data": {"size": 5}}, 422),
                         ({"status": "contacted", "enrichment_data": {"size": 5}}, 409)):
        assert caller(cast.tess).post(f"/leads/{lead_id}", body).status_code == status
    assert row(session, lead_id).enrichment_data == {} and events(session, lead_id) == []


def test_an_update_changes_what_is_given_and_nothing_else(session, cast, caller):
    lead_id = make_lead(session, cast.tess, phone="110", score=5, tags=["a"])

    answer = caller(cast.tess).patch(f"/leads/{lead_id}", {"score": "42", "phone": "", "company": "Analytical Engines"})

    lead = row(session, lead_id)
    assert (lead.score, lead.phone, lead.tags, lead.status) == (42, None, ["a"], "new")
    assert answer.json()["company"] == "Analytical Engines"


@pytest.mark.parametrize(("held", "to", "status"), [
    ("contacted", "conversing", 200), ("contacted", "lost", 200), ("contacted", "contacted", 200),
    ("contacted", "new", 409), ("qualified", "contacted", 409), ("lost", "contacted", 409), ("converted", "lost", 409)])
def test_a_status_moves_forward_only(session, cast, caller, held, to, status):
    lead_id = make_lead(session, cast.tess, status=held)

    answer = caller(cast.tess).patch(f"/leads/{lead_id}", {"status": to})

    assert answer.status_code == status
    assert row(session, lead_id).status == (to if status == 200 else held)


def test_an_update_that_would_take_an_address_names_who_has_it(session, cast, caller):
    other = make_lead(session, cast.tess, email="john@acme.com")
    lead_id = make_lead(session, cast.tess, email="ada@example.com")

    answer = caller(cast.tess).patch(f"/leads/{lead_id}", {"email": " John@Acme.com "})

    assert error(answer, 409, "duplicate")["lead_id"] == str(other)
    assert row(session, lead_id).email == "ada@example.com"


def test_auto_assign_needs_no_body_and_leaves_an_owner_theirs(session, cast, caller):
    lead_id, call = make_lead(session, cast.tess), caller(cast.tess)

    first = call.post(f"/leads/{lead_id}/auto-assign")
    again = call.post(f"/leads/{lead_id}/auto-assign")

    assert first.json()["assigned_to"] in ("Alice Adams", "Bob Brown")
    assert again.json() == first.json() and len(events(session, lead_id)) == 1


def test_auto_assign_says_why_nobody_can_take_it(session, cast, caller):
    lead_id = make_lead(session, cast.olga)

    refusal = error(caller(cast.olga).post(f"/leads/{lead_id}/auto-assign"), 409, "nobody_available")

    assert refusal["message"] == "There is no rep in this company to give leads to."


# ---------------------------------------------------------------- list


def ids(response):
    assert response.status_code == 200, response.text
    return {lead["id"] for lead in response.json()["data"]}


def test_the_specifications_lists_work_as_printed(session, cast, caller):
    mine = make_lead(session, cast.alice, owner=cast.alice, status="enriched")
    make_lead(session, cast.alice, owner=cast.alice, status="contacted")
    make_lead(session, cast.alice, owner=cast.bob, status="enriched")

    call = caller(cast.alice)

    assert len(ids(call.get("/leads", assigned_to_me="true"))) == 2
    assert ids(call.get("/leads", assigned_to_me="true", status="enriched")) == {str(mine)}


def test_a_date_is_the_start_of_that_day_in_the_companys_zone(session, cast, caller):
    session.execute(update(Company).where(Company.id == cast.alice.company_id).values(time_zone="America/New_York"))
    # In New York the day begins at five in the morning, UTC.
    before = make_lead(session, cast.alice, last_contacted_at=datetime(2026, 1, 10, 4, 59, tzinfo=UTC))
    make_lead(session, cast.alice, last_contacted_at=datetime(2026, 1, 10, 5, 1, tzinfo=UTC))
    make_lead(session, cast.alice)

    assert ids(caller(cast.alice).get("/leads", last_contacted_before="2026-01-10")) == {str(before)}


@pytest.mark.parametrize("written", ["2026-01-10T05:00:00Z", "2026-01-10T06:00:00+01:00"])
def test_a_time_may_have_its_own_zone(session, cast, caller, written):
    before = make_lead(session, cast.alice, last_contacted_at=datetime(2026, 1, 10, 4, 59, tzinfo=UTC))
    make_lead(session, cast.alice, last_contacted_at=datetime(2026, 1, 10, 5, 1, tzinfo=UTC))

    assert ids(caller(cast.alice).get("/leads", last_contacted_before=written)) == {str(before)}


@pytest.mark.parametrize("query", ["status=new,enriched", "status=new&status=enriched", "status[0]=new&status[1]=enriched",
                                   "status%5B%5D=new&status%5B%5D=enriched&q=&unassigned="])
def test_a_list_of_statuses_may_be_written_in_every_common_way(session, cast, caller, query):
    wanted = {str(make_lead(session, cast.alice, status=status)) for status in ("new", "enriched")}
    make_lead(session, cast.alice, status="lost")

    assert ids(caller(cast.alice)("GET", f"/leads?{query}")) == wanted


def test_other_filters_narrow_it_down(session, cast, caller):
    now = datetime.now(UTC)
    firm = make_firm(session, cast.alice, "Analytical Engines")
    one = make_lead(session, cast.alice, contact_count=3, last_contact_method="linkedin", score=80, tags=["vip"],
                    source="fair", last_contacted_at=now - timedelta(days=40), lead_company_id=firm)
    other = make_lead(session, cast.alice, owner=cast.bob)
    call = caller(cast.alice)

    for query in ({"contact_count_min": 3}, {"last_contact_method": "linkedin"}, {"score_min": 80}, {"tag": "vip"},
                  {"source": "fair"}, {"last_contacted_before": "30 days ago"}, {"q": "analytical"},
                  {"unassigned": "true"}):
        assert ids(call.get("/leads", **query)) == {str(one)}, query
    for query in ({"never_contacted": "true"}, {"assigned_to": str(cast.bob.user_id)}, {"contact_count_max": 0}):
        assert ids(call.get("/leads", **query)) == {str(other)}, query


def test_next_leads_through_all_pages_with_the_filters_kept(session, cast, caller):
    wanted = {str(make_lead(session, cast.alice, status="new")) for _ in range(5)}
    make_lead(session, cast.alice, status="lost")
    call = caller(cast.alice)

    seen, url = [], "https://desk.example/api/leads?status=new&limit=2"
    for _ in range(9):
        assert url.startswith("https://desk.example/api/leads?status=new&limit=2")
        page = call.client.get(url, headers={"Authorization": f"Bearer {call.token}"}).json()
        seen += [lead["id"] for lead in page["data"]]
        assert page["has_more"] is (page["next"] is not None) is (page["next_cursor"] is not None)
        if not (url := page["next"]):
            break

    assert len(seen) == 5 and set(seen) == wanted


def test_a_page_shows_a_lead_as_reading_it_does(session, cast, caller):
    lead_id = make_lead(session, cast.alice, owner=cast.bob, enrichment_data={"size": 5}, notes="Hi", tags=["vip"],
                        lead_company_id=make_firm(session, cast.alice, "Analytical Engines"))
    call = caller(cast.alice)

    listed, = call.get("/leads").json()["data"]

    assert listed == call.get(f"/leads/{lead_id}").json()
    assert (listed["company"], listed["assigned_to"], listed["enrichment_data"]) == (
        "Analytical Engines", "Bob Brown", {"size": 5})


@pytest.mark.parametrize(("query", "field"), [
    ("foo=1", "foo"), ("cursor=", "cursor"), ("cursor=abc", "cursor"), ("limit=0", "limit"), ("limit=501", "limit"),
    ("status=open", "status"), ("status=new,open", "status"), ("sort=fastest", "sort"),
    ("last_contacted_before=soon", "last_contacted_before"),
    ("last_contacted_before=2026-01-10T05:00:00", "last_contacted_before"), ("assigned_to=bob", "assigned_to")])
def test_a_parameter_that_cannot_be_understood_is_refused_by_name(cast, caller, query, field):
    refusal = error(caller(cast.alice)("GET", f"/leads?{query}"), 422, "invalid")

    assert list(refusal["fields"]) == [field] and refusal["message"]


# ---------------------------------------------------------------- numbers


def test_the_metrics_are_the_four_numbers_of_the_tokens_user(session, cast, caller):
    long_ago = datetime.now(UTC) - timedelta(days=8)
    for owner, status in ((cast.alice, "enriched"), (cast.alice, "conversing"), (cast.bob, "contacted")):
        make_lead(session, cast.alice, owner=owner, status=status, last_contacted_at=long_ago)

    numbers = caller(cast.alice).get("/metrics").json()

    assert {name: numbers[name] for name in (
        "my_leads", "ready_for_outreach", "in_conversation", "follow_ups_due", "my_follow_ups_due", "follow_up_days")} == {
        "my_leads": 2, "ready_for_outreach": 1, "in_conversation": 1, "follow_ups_due": 2, "my_follow_ups_due": 1,
        "follow_up_days": 7}


def test_the_workload_is_for_managers(session, cast, caller):
    make_lead(session, cast.alice, owner=cast.alice, status="new")
    make_lead(session, cast.alice)

    error(caller(cast.tess).get("/workload"), 403, "not_allowed")
    shown = caller(cast.mona).get("/workload").json()

    assert [(each["name"], each["open_leads"]) for each in shown["data"]] == [
        ("Alice Adams", 1), ("Bob Brown", 0), ("Mona Meyer", 0), ("Tess Turner", 0)]
    assert shown["unassigned"] == 1


def test_users_are_those_of_the_company(cast, caller):
    people = caller(cast.alice).get("/users").json()["data"]

    assert [(person["name"], person["role"], person["is_active"]) for person in people] == [
        ("Alice Adams", "rep", True), ("Bob Brown", "rep", True), ("Lea Lang", "rep", False),
        ("Mona Meyer", "manager", True), ("Tess Turner", "team_lead", True)]


def test_a_lead_that_does_not_exist_and_one_of_another_company_get_the_same_answer(session, cast, caller):
    theirs = make_lead(session, cast.olga)
    call = caller(cast.alice)

    for method, path, body in (("GET", "", None), ("PATCH", "", {"score": 1}), ("POST", "/contact", {"method": "email"}),
                               ("POST", "/assign", {"userId": None}), ("POST", "/auto-assign", None)):
        missing = call(method, f"/leads/{uuid.uuid4()}{path}", body)
        assert missing.status_code == 404
        assert call(method, f"/leads/{theirs}{path}", body).json() == missing.json()
    assert events(session, theirs) == []
