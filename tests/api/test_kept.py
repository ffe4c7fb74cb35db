"""What the speed of a call rests on and needs no clock to hold."""

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text

from benchmarks.plans import recorded
from lib import api
from lib.api import shapes
from tests.factories import make_lead


@pytest.mark.parametrize(("method", "path", "body", "key", "most"), [
    ("GET", "/metrics", None, None, 2), ("GET", "/leads?assigned_to_me=true", None, None, 2),
    ("GET", "/leads/{id}", None, None, 2), ("GET", "/users", None, None, 2), ("GET", "/workload", None, None, 4),
    ("POST", "/leads/{id}", {"status": "qualified"}, None, 5),
    ("POST", "/leads/{id}", {"status": "enriched", "enrichment_data": {"a": 1}}, None, 5),
    ("POST", "/leads/{id}/contact", {"method": "call"}, None, 6),
    ("POST", "/leads/{id}/contact", {"method": "call"}, "run-1", 8),
    ("POST", "/leads", {"last_name": "Lovelace"}, None, 5)])
def test_a_call_asks_the_database_a_few_times(connection, session, cast, caller, method, path, body, key, most):
    lead_id = make_lead(session, cast.mona, owner=cast.mona)
    call = caller(cast.mona)
    call.get("/users")

    with recorded(connection) as sent:
        answer = call(method, path.format(id=lead_id), body, key=key)

    asked = [statement for statement, *_ in sent if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))]
    assert answer.is_success and 1 <= len(asked) <= most, "\n\n".join(asked)


def test_a_lead_is_answered_with_the_fields_of_the_contract(session, cast, caller):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    call = caller(cast.alice)

    listed = call.get("/leads").json()
    read = call.get(f"/leads/{lead_id}").json()

    assert list(listed) == list(shapes.LeadPage.model_fields)
    assert listed["data"] == [read] and list(read) == list(shapes.Lead.model_fields)
    assert read["assigned_to_user_id"] == str(cast.alice.user_id) and read["assigned_to"] == cast.alice.name
    assert read["created_at"].endswith("Z")


def test_a_number_that_json_cannot_say_is_null(session, cast, caller):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    beyond_a_float = f'{{"a": 1{"0" * 400}.5}}'
    session.execute(text("UPDATE leads SET enrichment_data = CAST(:found AS jsonb) WHERE id = :id"),
                    {"found": beyond_a_float, "id": lead_id})
    session.commit()

    assert caller(cast.alice).get(f"/leads/{lead_id}").json()["enrichment_data"] == {"a": None}


def test_each_call_is_looked_for_among_the_routes_once():
    # A router that is included is one route, behind which the call's own is looked for, and then looked for again.
    assert {type(route) for route in api.make().routes} == {APIRoute}
