"""The API keeps to its contract: Schemathesis calls everything that the OpenAPI document describes, rightly and wrongly.

``CONTRACT_EXAMPLES`` sets how many requests it makes up for each call; the default is for every run, 500 for a night.
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from lib import api, tokens
from tests.api.served import Served
from tests.factories import Cast, make_lead

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "8"))
# As slow as the machine is, and the same requests each time: what chance finds belongs in a run of somebody's own.
HOW = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, print_blob=True, phases=[
    Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))

contract = schemathesis.openapi.from_dict(api.make().openapi(), config=SchemathesisConfig.from_dict({
    "generation": {"mode": "all"}, "phases": {"coverage": {"enabled": True, "unexpected-methods": [
        "GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE"]}}}))


@dataclass
class Door:
    """Where the API is, who calls, and what there is to be named: leads, a colleague, and a cursor for each order."""

    url: str
    headers: dict[str, str]
    leads: Iterator[str]
    colleague: str
    numbers: Iterator[int] = field(default_factory=itertools.count)


@pytest.fixture(scope="module")
def served(server: str, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    # The limit of calls has a test of its own.
    with Served(server, tmp_path_factory.mktemp("contract") / "log", API_CALLS_PER_SECOND="100000") as process:
        yield process


@pytest.fixture
def door(served: Served, engine: Engine, committed_cast: Cast) -> Door:
    with Session(engine) as session:
        mona = committed_cast.mona
        _, token = tokens.create(session, mona, user_id=mona.user_id, name="Contract", now=datetime.now(UTC))
        leads = [str(make_lead(session, mona, owner=owner)) for owner in (committed_cast.alice, None, mona) * 3]
        session.commit()
    return Door(served.url, {"Authorization": f"Bearer {token}"}, itertools.cycle(leads),
                str(committed_cast.alice.user_id))


def make_possible(case: schemathesis.Case, door: Door) -> None:
    """What fits the contract, made possible: no schema can name the leads and colleagues that there are, nor say that
    two parameters contradict each other, or what is yet to come."""
    if is_wrong(case):
        return
    query, body = case.query or {}, case.body if isinstance(case.body, dict) else {}
    if "lead_id" in (case.path_parameters or {}):
        case.path_parameters["lead_id"] = next(door.leads)
    if key := (case.headers or {}).get("Idempotency-Key"):
        case.headers["Idempotency-Key"] = f"{next(door.numbers)} {key}"[:200]
    query.pop("cursor", None)
    if query.get("assigned_to_me"):
        query.pop("assigned_to", None)
    if body.get("userId"):
        body["userId"] = door.colleague
    if body.get("occurred_at"):
        body["occurred_at"] = "2026-01-10T09:00:00Z"
    for lead in (body, *body.get("leads", ())):
        if lead.get("enrichment_data"):
            lead["enrichment_data"] = without_nul(lead["enrichment_data"])


def without_nul(value: Any) -> Any:
    """PostgreSQL keeps no NUL in JSON; the contract can say so of a text, but not of any text in any object."""
    match value:
        case dict():
            return {without_nul(name): without_nul(each) for name, each in value.items()}
        case list():
            return [without_nul(each) for each in value]
        case str():
            return value.replace("\0", "")
        case _:
            return value


def is_wrong(case: schemathesis.Case) -> bool:
    return case.meta is not None and case.meta.generation.mode is GenerationMode.NEGATIVE


@contract.parametrize()
@HOW
def test_every_call_keeps_to_the_contract(case, door):
    make_possible(case, door)
    is_batch = case.operation.path == "/leads/batch"

    # A batch is answered although rows of it are wrong; what it says of those is looked at here instead.
    answer = case.call_and_validate(base_url=door.url, headers=door.headers,
                                    excluded_checks=[negative_data_rejection] if is_batch else [])

    if is_batch and is_wrong(case) and answer.status_code == 200:
        assert answer.json()["counts"].get("refused", 0) > 0, (case.body, case.meta)


def test_what_one_call_answers_serves_the_next(door):
    """Leads are added, read, changed and listed again, along the links that the contract implies."""
    class Workflow(contract.as_state_machine()):
        def get_call_kwargs(self, case):
            return {"base_url": door.url, "headers": door.headers}

        def before_call(self, case):
            if key := (case.headers or {}).get("Idempotency-Key"):
                case.headers["Idempotency-Key"] = f"{next(door.numbers)} {key}"[:200]

        def validate_response(self, response, case, **_given):
            # What is made up here names people and leads that there are not; the test above looks at these two.
            case.validate_response(response, excluded_checks=[negative_data_rejection, positive_data_acceptance],
                                   transport_kwargs={"headers": door.headers})

    run_state_machine_as_test(Workflow, settings=settings(HOW, max_examples=EXAMPLES, stateful_step_count=6))
