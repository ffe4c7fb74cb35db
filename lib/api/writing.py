"""The calls that write: each does what the button of the same name does, with the token's user as the actor."""

import uuid
from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from lib import arrivals, assignment, contacts, deliveries, leads
from lib.api import shapes
from lib.api.calls import Answer, Asked, Body, Writing
from lib.api.reading import ERRORS, NOT_FOUND, Plain, name_of
from lib.arrivals import Arrival, Fate, OnDuplicate

MOST_BYTES_OF_BATCH = 10_000_000
BAD_BODY: dict[int | str, dict[str, Any]] = {
    status: {"model": shapes.Error, "description": description} for status, description in (
        (400, "The body is not JSON."), (413, "The body is too large."), (415, "The body does not say that it is JSON."))}
CLASH = {409: {"model": shapes.Error, "description": "Another lead has this address (`lead_id`), the lead has moved on, "
                                                     "or nobody can take it."}}

router = APIRouter(responses=ERRORS | BAD_BODY, generate_unique_id_function=name_of)
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern="^[ -~]+$", description=(
    "Any text of your own that is new for each request. Its repeat gets the first answer."))]


class OnDuplicateQuery(shapes.Strict):
    on_duplicate: OnDuplicate = OnDuplicate.RETURN


@router.post("/leads", response_model=shapes.ArrivedLead, status_code=201, tags=["Leads"], summary="Add a lead",
             responses=CLASH | {200: {"model": shapes.ArrivedLead, "description": "It was there already."}})
async def create_lead(body: shapes.NewLead, query: Annotated[OnDuplicateQuery, Query()], call: Writing,
                      _key: Key = None) -> Response:
    """A lead with the same e-mail or LinkedIn address is answered with (`return`), written to (`update`), or refused
    with its id (`error`)."""
    values = _given(body)

    def work(asked: Asked) -> Answer:
        arrival, = arrivals.receive(asked.session, asked.actor, [values], on_duplicate=query.on_duplicate, now=asked.now)
        if arrival.error:
            raise arrival.error
        return Answer({**_lead(asked, arrival.lead_id), "result": arrival.fate},
                      201 if arrival.fate is Fate.CREATED else 200)
    return await call.run(work, values)


@router.post("/leads/batch", response_model=shapes.BatchResult, tags=["Leads"], summary="Add up to 500 leads",
             max_body_size=MOST_BYTES_OF_BATCH)
async def create_leads(body: shapes.LeadBatch, query: Annotated[OnDuplicateQuery, Query()], call: Writing,
                       _key: Key = None) -> Response:
    """Each row as in “Add a lead”, all in one transaction. A row whose values are refused is told in its place and stops
    no other; one with an unknown field or a value of another kind refuses the request, as all rows will have it. The same
    request again changes nothing."""
    rows = [_given(each) for each in body.leads]

    def work(asked: Asked) -> shapes.BatchResult:
        found = arrivals.receive(asked.session, asked.actor, rows, on_duplicate=query.on_duplicate, now=asked.now)
        return shapes.BatchResult(results=[_result(index, arrival) for index, arrival in enumerate(found)],
                                  counts=Counter(arrival.fate for arrival in found))
    return await call.run(work, rows)


async def _update(lead_id: uuid.UUID, body: shapes.LeadUpdate, _query: Plain, call: Writing,
                  _key: Key = None) -> Response:
    """Change the fields that are given; with `enrichment_data` or the status `enriched`, deliver an enrichment.

    An enrichment moves a lead from new to enriched and no other, fills only fields that are empty, and is told in the
    lead's history, also where it clashes with another lead's address (409 with its `lead_id`)."""
    values = {name: value for name, value in body.model_dump(exclude_unset=True).items()
              if not (name in ("status", "enrichment_data") and value is None)}

    def work(asked: Asked) -> Answer:
        outcome = deliveries.deliver(asked.session, asked.actor, lead_id, values, now=asked.now)
        if outcome.refused:
            # Kept, unlike other refusals: the lead's history tells of it.
            return Answer(outcome.refused[0].error)
        return Answer(_lead(asked, lead_id))
    return await call.run(work, values)


for _method, _summary in (("POST", "Update or enrich a lead"), ("PATCH", "Update or enrich a lead (the same)")):
    router.add_api_route("/leads/{lead_id:lead}", _update, methods=[_method], response_model=shapes.Lead, tags=["Leads"],
                         operation_id=f"{_method.lower()}_lead", summary=_summary, responses=NOT_FOUND | CLASH)


@router.post("/leads/{lead_id:lead}/assign", response_model=shapes.Assigned, responses=NOT_FOUND, tags=["Leads"],
             summary="Assign a lead")
async def assign(lead_id: uuid.UUID, body: shapes.Assignment, _query: Plain, call: Writing,
                 _key: Key = None) -> Response:
    """To an active colleague, or with null to nobody. To whom it belongs already: nothing changes."""
    def work(asked: Asked) -> shapes.Assigned:
        leads.assign(asked.session, asked.actor, [lead_id], to=body.user_id, now=asked.now).or_raise()
        return _assigned(asked, lead_id)
    return await call.run(work, body.model_dump(mode="json"))


@router.post("/leads/{lead_id:lead}/auto-assign", response_model=shapes.Assigned, responses=NOT_FOUND | CLASH, tags=["Leads"],
             summary="Assign to whoever is next")
async def auto_assign(lead_id: uuid.UUID, query: Annotated[shapes.AutoAssignQuery, Query()], call: Writing,
                      _key: Key = None) -> Response:
    """In turn among the active reps who take leads and are not away, or to whoever has the fewest open ones. A lead that
    somebody has stays theirs. No body."""
    def work(asked: Asked) -> shapes.Assigned:
        assignment.auto_assign(asked.session, asked.actor, lead_id, strategy=query.strategy, now=asked.now)
        return _assigned(asked, lead_id)
    return await call.run(work)


@router.post("/leads/{lead_id:lead}/contact", response_model=shapes.Lead, responses=NOT_FOUND, tags=["Leads"],
             summary="Log a contact")
async def log_contact(lead_id: uuid.UUID, body: shapes.Contact, _query: Plain, call: Writing,
                      _key: Key = None) -> Response:
    """Sets the last contact, adds one to the count, and moves a new or enriched lead to contacted."""
    values = body.model_dump()

    def work(asked: Asked) -> Body:
        contacts.log_contact(asked.session, asked.actor, [lead_id], **values, now=asked.now).or_raise()
        return _lead(asked, lead_id)
    return await call.run(work, body.model_dump(mode="json"))


def _given(body: shapes.NewLead) -> dict[str, Any]:
    return {name: value for name, value in body.model_dump().items() if value is not None}


def _lead(asked: Asked, lead_id: uuid.UUID) -> Body:
    return shapes.lead(leads.find(asked.session, asked.actor, lead_id))


def _assigned(asked: Asked, lead_id: uuid.UUID) -> shapes.Assigned:
    return shapes.Assigned.model_validate(leads.find(asked.session, asked.actor, lead_id))


def _result(index: int, arrival: Arrival) -> shapes.ArrivalResult:
    error = arrival.error
    return shapes.ArrivalResult(
        index=index, status=arrival.fate, id=arrival.lead_id or getattr(error, "lead_id", None),
        error_code=error and error.code, message=error and error.message, fields=(error and error.fields) or None)
