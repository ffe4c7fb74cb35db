"""Who gets through which call of the API: every call of the contract, for every kind of token and every role."""

import re
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import update

from lib import api, tokens
from lib.models import User
from tests.api.conftest import Caller
from tests.api.test_leads import error
from tests.factories import attempts, events, make_lead, row

# A call as it is made about a lead, whose id, e-mail address and company's colleague are put in. A call of the contract
# that is not here, or the other way round, fails the first test.
CALLS = {
    "GET /leads": None,
    "POST /leads": {"last_name": "Hopper", "email": "grace@example.com"},
    "POST /leads/batch": {"leads": [{"last_name": "Hopper", "email": "grace@example.com"}]},
    "GET /leads/{lead_id}": None,
    "POST /leads/{lead_id}": {"score": 9},
    "PATCH /leads/{lead_id}": {"score": 9},
    "POST /leads/{lead_id}/assign": {"userId": "COLLEAGUE"},
    "POST /leads/{lead_id}/auto-assign": None,
    "POST /leads/{lead_id}/contact": {"method": "email"},
    "GET /metrics": None,
    "GET /workload": None,
    "GET /users": None,
}
OPEN = {"GET /health", "GET /health/live"}
READS = [name for name in CALLS if name.startswith("GET")]
WRITES = [name for name in CALLS if not name.startswith("GET")]
OF_A_LEAD = [name for name in CALLS if "{lead_id}" in name]


def test_every_call_of_the_contract_is_in_the_table():
    contract = {f"{method.upper()} {path}": call for path, methods in api.make().openapi()["paths"].items()
                for method, call in methods.items()}

    assert set(contract) == set(CALLS) | OPEN
    # And the contract says of each whether it needs a token.
    assert {name for name, call in contract.items() if not call.get("security")} == OPEN


def ask(call, name, lead_id=None, colleague=None, body=None):
    method, _, path = name.partition(" ")
    body = body or CALLS[name]
    if body and body.get("userId") == "COLLEAGUE":
        body = {"userId": str(colleague or uuid.uuid4())}
    return call(method, path.replace("{lead_id}", str(lead_id or uuid.uuid4())), body)


# ---------------------------------------------------------------- tokens


def revoked(session, actor, now):
    token_id, token = tokens.create(session, actor, user_id=actor.user_id, name="N8N", now=now)
    tokens.revoke(session, actor, token_id, now=now)
    return token


def expired(session, actor, now):
    _, token = tokens.create(session, actor, user_id=actor.user_id, name="N8N", expires_at=now, now=now - timedelta(1))
    return token


def of_somebody_who_left(session, actor, now):
    _, token = tokens.create(session, actor, user_id=actor.user_id, name="N8N", now=now)
    session.execute(update(User).where(User.id == actor.user_id).values(is_active=False))
    return token


TOKENS = {
    "none": (lambda *_: "", "Send an API token"),
    "unknown": (lambda *_: "ldk_" + "x" * 43, "not known"),
    "revoked": (revoked, "was revoked"),
    "expired": (expired, "has expired"),
    "of somebody who left": (of_somebody_who_left, "no longer works here"),
}


@pytest.mark.parametrize("kind", TOKENS)
def test_no_call_is_answered_without_a_token_that_counts(session, cast, client, now, kind):
    make, why = TOKENS[kind]
    lead_id = make_lead(session, cast.tess, owner=cast.tess)
    token = make(session, cast.tess, now)
    session.commit()
    before = row(session, lead_id)

    for name in CALLS:
        answer = ask(Caller(client, token), name, lead_id, cast.bob.user_id)

        assert why in error(answer, 401, "not_signed_in")["message"], name
        assert answer.headers["www-authenticate"] == "Bearer"
    assert row(session, lead_id) == before and events(session, lead_id) == []


@pytest.mark.parametrize("name", OPEN)
def test_health_needs_no_token(client, name):
    assert client.get(f"/api{name.partition(' ')[2]}").json() == {"status": "ok"}


@pytest.mark.parametrize(("scope", "names"), [("read", WRITES), ("write", READS)])
def test_a_token_does_what_its_scope_says_and_no_more(session, cast, caller, scope, names):
    lead_id = make_lead(session, cast.mona, owner=cast.mona)
    call = caller(cast.mona, scopes=(scope,))
    before = row(session, lead_id)

    for name in names:
        assert f"may not {'write' if scope == 'read' else 'read'}" in error(
            ask(call, name, lead_id, cast.bob.user_id), 403, "not_allowed")["message"]
    assert row(session, lead_id) == before and events(session, lead_id) == []

    for name in set(CALLS) - set(names):
        assert ask(call, name, lead_id, cast.bob.user_id).is_success, name


# ---------------------------------------------------------------- another company


@pytest.mark.parametrize("name", OF_A_LEAD)
def test_another_companys_lead_is_answered_like_one_that_does_not_exist(session, cast, caller, name):
    theirs = make_lead(session, cast.alice, owner=cast.alice)
    call = caller(cast.olga)
    before = row(session, theirs)

    answer = ask(call, name, theirs, cast.olga.user_id)

    missing = ask(call, name, uuid.uuid4(), cast.olga.user_id)
    assert error(answer, 404, "not_found")["message"] == "There is no such lead."
    assert (answer.status_code, answer.content) == (missing.status_code, missing.content)
    assert row(session, theirs) == before and events(session, theirs) == []


@pytest.mark.parametrize("name", [name for name in CALLS if name not in OF_A_LEAD])
def test_what_is_listed_or_added_is_the_companys_own(session, cast, caller, name):
    theirs = make_lead(session, cast.alice, owner=cast.alice, email="grace@example.com", status="contacted")
    before = row(session, theirs)

    answer = ask(caller(cast.olga), name)

    assert answer.is_success
    told = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", answer.text))
    acme = {str(theirs)} | {str(each) for actor in vars(cast).values() if actor is not cast.olga
                            for each in (actor.user_id, actor.company_id)}
    assert not told & acme
    if name == "GET /metrics":
        assert [value for field, value in answer.json().items() if field.endswith(("leads", "due"))] == [0, 0, 0]
    # The address of somebody else's lead is free.
    assert name not in ("POST /leads", "POST /leads/batch") or "created" in answer.text
    assert row(session, theirs) == before and events(session, theirs) == []


@pytest.mark.parametrize("query", ["assigned_to={alice}", "q=lovelace", "status=contacted", "unassigned=true"])
def test_no_filter_finds_another_companys_leads(session, cast, caller, query):
    for owner in (cast.alice, None):
        make_lead(session, cast.alice, owner=owner, status="contacted")

    assert caller(cast.olga)("GET", f"/leads?{query.format(alice=cast.alice.user_id)}").json()["data"] == []
    assert len(caller(cast.mona)("GET", f"/leads?{query.format(alice=cast.alice.user_id)}").json()["data"]) > 0


def test_a_lead_is_not_given_to_somebody_of_another_company(session, cast, caller):
    lead_id = make_lead(session, cast.tess)
    call = caller(cast.tess)

    answer = ask(call, "POST /leads/{lead_id}/assign", lead_id, cast.olga.user_id)

    assert answer.content == ask(call, "POST /leads/{lead_id}/assign", lead_id, uuid.uuid4()).content
    error(answer, 404, "not_found")
    assert row(session, lead_id).assigned_to_user_id is None


# ---------------------------------------------------------------- roles


ADA = {"last_name": "Byron", "email": "ada@example.com"}
ACTS = {
    "update": ("POST /leads/{lead_id}", {"score": 9}),
    "patch": ("PATCH /leads/{lead_id}", {"score": 9}),
    "enrich": ("POST /leads/{lead_id}", {"status": "enriched", "enrichment_data": {"size": 9}}),
    "to me": ("POST /leads/{lead_id}/assign", {"userId": "ME"}),
    "to another": ("POST /leads/{lead_id}/assign", {"userId": "ANOTHER"}),
    "to nobody": ("POST /leads/{lead_id}/assign", {"userId": None}),
    "in turn": ("POST /leads/{lead_id}/auto-assign", None),
    "contact": ("POST /leads/{lead_id}/contact", {"method": "call"}),
    "again": ("POST /leads?on_duplicate=update", ADA),
    "batch": ("POST /leads/batch?on_duplicate=update", {"leads": [ADA]}),
}
YES, SAME = "changes it", "leaves it as it is"
OWNER, HAND, TAKE = "to change it", "to hand it over", "a team lead can give it to somebody else"
THEIRS, NEW = "There is no such lead", "adds one of their own company"
ANY = (YES,) * 3
TABLE = {
    #                             update  patch   enrich  to me   to another to nobody in turn contact again   batch
    ("alice", "own"):            (*ANY,                   SAME,   YES,       YES,      SAME,   YES,    YES,    YES),
    ("alice", "bob's"):          (OWNER,  OWNER,  OWNER,  HAND,   HAND,      HAND,     SAME,   OWNER,  OWNER,  OWNER),
    ("alice", "unassigned"):     (*ANY,                   YES,    TAKE,      SAME,     YES,    YES,    YES,    YES),
    ("tess", "own"):             (*ANY,                   SAME,   YES,       YES,      SAME,   YES,    YES,    YES),
    ("tess", "bob's"):           (*ANY,                   YES,    YES,       YES,      SAME,   YES,    YES,    YES),
    ("tess", "unassigned"):      (*ANY,                   YES,    YES,       SAME,     YES,    YES,    YES,    YES),
    ("mona", "own"):             (*ANY,                   SAME,   YES,       YES,      SAME,   YES,    YES,    YES),
    ("mona", "bob's"):           (*ANY,                   YES,    YES,       YES,      SAME,   YES,    YES,    YES),
    ("mona", "unassigned"):      (*ANY,                   YES,    YES,       SAME,     YES,    YES,    YES,    YES),
    ("alice", "another's"):      (*(THEIRS,) * 8,                                                      NEW,    NEW),
    ("tess", "another's"):       (*(THEIRS,) * 8,                                                      NEW,    NEW),
    ("mona", "another's"):       (*(THEIRS,) * 8,                                                      NEW,    NEW),
}


@pytest.mark.parametrize(("who", "whose", "act", "expected"), [
    (who, whose, act, expected) for (who, whose), cells in TABLE.items()
    for act, expected in zip(ACTS, cells, strict=True)])
def test_the_table_of_the_design_holds_for_the_api(session, cast, caller, now, who, whose, act, expected):
    actor = getattr(cast, who)
    owner = {"own": actor, "bob's": cast.bob, "unassigned": None, "another's": cast.olga}[whose]
    lead_id = make_lead(session, cast.olga if whose == "another's" else cast.alice, owner=owner,
                        assigned_at=owner and now, email="ada@example.com")
    before = row(session, lead_id)
    name, body = ACTS[act]
    other = next(each for each in (cast.tess, cast.bob, cast.alice) if each not in (actor, owner))
    if body and "userId" in body:
        to = {"ME": str(actor.user_id), "ANOTHER": str(other.user_id), None: None}[body["userId"]]
        body = {"userId": to}

    answer = caller(actor)(name.split()[0], name.split()[1].replace("{lead_id}", str(lead_id)), body)

    if expected in (YES, SAME, NEW):
        assert answer.is_success and "refused" not in answer.text
        assert (row(session, lead_id) != before) == (expected == YES)
    elif act == "batch":
        refusal, = answer.json()["results"]
        assert (refusal["status"], refusal["error_code"]) == ("refused", "not_allowed")
        assert expected in refusal["message"]
    else:
        status, code = (404, "not_found") if expected is THEIRS else (403, "not_allowed")
        assert expected in error(answer, status, code)["message"]
    if expected == YES:
        assert {(event.actor_id, event.source) for event in events(session, lead_id)} == {(actor.user_id, "api")}
    else:
        assert row(session, lead_id) == before and events(session, lead_id) == attempts(session, lead_id) == []


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("who", ["alice", "tess", "mona"])
def test_everybody_reads_the_company_and_a_manager_its_workload(session, cast, caller, who, name):
    lead_id = make_lead(session, cast.alice, owner=cast.bob)

    answer = ask(caller(getattr(cast, who)), name, lead_id)

    if name == "GET /workload" and who != "mona":
        assert error(answer, 403, "not_allowed")["message"] == "Only a manager can see the workload of the team."
    else:
        assert answer.status_code == 200
