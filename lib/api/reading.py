"""The calls that change nothing."""

import uuid
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import Response

from lib import auth, leads, lists, moments, users, workload
from lib.api import parameters, shapes
from lib.api.calls import Asked, Body, Reading
from lib.errors import Invalid
from lib.filters import LeadFilter

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": shapes.Error, "description": description} for status, description in (
        (401, "The token is missing, unknown, revoked or expired."),
        (403, "The token's scopes, or its user's role, do not permit this."),
        (422, "Something in the request is not as the call needs it; `fields` names it."),
        (429, "Too many calls at once; `Retry-After` says for how long."),
        (503, "The database does not answer, or not in time. Nothing was written; try again."))}
NOT_FOUND = {404: {"model": shapes.Error, "description": "There is no such lead."}}


def name_of(route: APIRoute) -> str:
    """What a call is called in the contract: as its function."""
    return route.name


class _LeadConvertor(StringConvertor):
    """Anything but the word of another address, which would otherwise be a lead for the methods that it lacks."""

    regex = r"(?!batch$)[^/]+"


register_url_convertor("lead", _LeadConvertor())
router = APIRouter(responses=ERRORS, generate_unique_id_function=name_of)
Plain = Annotated[shapes.NoQuery, Query()]


@router.get("/leads", response_model=shapes.LeadPage, tags=["Leads"], summary="List leads",
            openapi_extra=parameters.described(shapes.LeadQuery))
async def list_leads(query: Annotated[shapes.LeadQuery, Depends(parameters.read(shapes.LeadQuery))], call: Reading,
                     request: Request) -> Response:
    """A page of the company's leads that fit all that is given; `next` is the address of the page behind it."""
    def work(asked: Asked) -> Body:
        if query.cursor == "":
            # What a paging loop sends that never ends.
            raise Invalid.field("cursor", "The cursor is empty: behind the last page there is none. Stop when “next” is "
                                          "null.")
        page = lists.page(asked.session, asked.actor, _wanted(asked, query), order=query.sort, limit=query.limit,
                          cursor=query.cursor, count=False, whole=True)
        return {"data": shapes.leads(page.rows), "next_cursor": page.next_cursor,
                "next": page.next_cursor and _next(call.calls.base_url(request), request, page.next_cursor),
                "has_more": page.next_cursor is not None}
    return await call.run(work)


@router.get("/leads/{lead_id:lead}", response_model=shapes.Lead, responses=NOT_FOUND, tags=["Leads"], summary="Read a lead")
async def read_lead(lead_id: uuid.UUID, _query: Plain, call: Reading) -> Response:
    return await call.run(lambda asked: shapes.lead(leads.find(asked.session, asked.actor, lead_id)))


@router.get("/metrics", response_model=shapes.Metrics, tags=["Numbers"], summary="The four numbers")
async def metrics(_query: Plain, call: Reading) -> Response:
    """My leads, ready for outreach, in conversation, and follow-ups due, by the same rules as the tiles of My queue."""
    def work(asked: Asked) -> shapes.Metrics:
        numbers = lists.numbers(asked.session, asked.actor, now=asked.now)
        return shapes.Metrics(
            my_leads=numbers.mine, ready_for_outreach=numbers.ready, in_conversation=numbers.conversing,
            follow_ups_due=numbers.due, my_follow_ups_due=numbers.my_due, follow_up_days=asked.actor.follow_up_days,
            as_of=asked.now)
    return await call.run(work)


@router.get("/workload", response_model=shapes.Workload, tags=["Numbers"], summary="Who has how much")
async def team_workload(_query: Plain, call: Reading) -> Response:
    """Everybody's desk, by name, for the token of a manager."""
    def work(asked: Asked) -> shapes.Workload:
        auth.check_manage(asked.actor, "see the workload of the team")
        loads = workload.by_rep(asked.session, asked.actor, now=asked.now)
        people = users.directory(asked.session, asked.actor)
        return shapes.Workload(
            data=[_load(person, loads.get(person.id, workload.Load())) for person in people
                  if person.id in loads or person.is_active and not person.is_service],
            unassigned=workload.unassigned(asked.session, asked.actor), as_of=asked.now)
    return await call.run(work)


@router.get("/users", response_model=shapes.Users, tags=["Numbers"], summary="The team")
async def team(_query: Plain, call: Reading) -> Response:
    """Everybody of the company, by name, also those who left."""
    return await call.run(lambda asked: shapes.Users(
        data=[shapes.User.model_validate(person) for person in users.directory(asked.session, asked.actor)]))


def _wanted(asked: Asked, query: shapes.LeadQuery) -> LeadFilter:
    owners = [asked.actor.user_id] if query.assigned_to_me else []
    owners += [query.assigned_to] if query.assigned_to else []
    if len(set(owners)) > 1:
        raise Invalid.field("assigned_to", "“assigned_to_me” and “assigned_to” name two people; give one of them.")
    return LeadFilter(
        assigned_to=owners[0] if owners else None, unassigned=query.unassigned, statuses=tuple(query.status),
        never_contacted=query.never_contacted, contact_count_min=query.contact_count_min,
        contact_count_max=query.contact_count_max, last_contact_methods=tuple(query.last_contact_method),
        score_min=query.score_min, tags_any=tuple(query.tag), sources=tuple(query.source),
        source_workflows=tuple(query.source_workflow), search=query.q,
        **{name: _moment(asked, name, getattr(query, name)) for name in (
            "last_contacted_before", "last_contacted_after", "created_after", "created_before")})


def _moment(asked: Asked, name: str, said: str | None) -> datetime | None:
    """A moment as a query says it. Raises Invalid naming the parameter."""
    if said is None:
        return None
    if "T" in said:
        try:
            # A plus sign that nobody escaped arrives as a space.
            at = datetime.fromisoformat(said.replace(" ", "+"))
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise Invalid.field(name, f"“{said[:60]}” is not a time with its zone; write it like 2026-01-10T09:00:00Z.")
        return at
    return moments.start_of_day(said, asked.now, asked.zone, field=name)


def _next(base: str, request: Request, cursor: str) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{base}/leads?{urlencode([*kept, ('cursor', cursor)])}"


def _load(person: Any, load: workload.Load) -> shapes.RepLoad:
    return shapes.RepLoad(
        user_id=person.id, name=person.name, role=person.role, is_active=person.is_active,
        open_leads=sum(load.open.values()), by_status=load.open, follow_ups_due=load.due, oldest_due=load.oldest_due,
        waiting=load.waiting, contacts_last_7_days=load.week, contacts_last_30_days=load.month,
        replies_last_30_days=load.replies, conversions_last_30_days=load.conversions)
