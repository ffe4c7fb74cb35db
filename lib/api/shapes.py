"""What goes in and comes out, as the contract has it.

What a field of a lead may hold is checked where it is for everybody, in lib/fields.py; the schemas here say the same to
whoever reads the contract. An empty text counts as null, as n8n sends one for what it does not know.
"""

import functools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Annotated, Any, Literal

from pydantic import (AliasChoices, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, FailFast, Field,
                      GetJsonSchemaHandler, WithJsonSchema)
from sqlalchemy import Row

from lib import orders
from lib.arrivals import Fate
from lib.assignment import Strategy
from lib.fields import MAX_SCORE, MAX_TAG, MAX_TAGS
from lib.lists import PAGE_LIMIT
from lib.models import ContactOutcome, Direction, LostReason, Method, Role, Status

MOST_AT_ONCE = 500
SHOWN = r"^[^\u0000-\u001f\u007f-\u009f]*$"
LINES = r"^(\r\n|[^\u0000-\u0008\u000b-\u001f\u007f-\u009f])*$"
_EMAIL = (r"^([ ]*[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
          r"(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+[ ]*)?$")
_LINK = r"^((https?://)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(/[A-Za-z0-9._~!$&'()*+,;=:@%/?#-]*)?)?$"


@dataclass(frozen=True, slots=True)
class _Blank(BeforeValidator):
    """An empty text is taken for null, and the contract says so."""

    func: Any = lambda value: None if isinstance(value, str) and not value.strip() else value

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        return {"anyOf": [*schema.get("anyOf", [schema]), {"const": ""}]}


Blank = _Blank()


def _schema(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [schema, {"type": "null"}]})


def _text(limit: int, pattern: str = SHOWN) -> Any:
    return Annotated[str | None, _schema(type="string", maxLength=limit, pattern=pattern), Blank]


class Strict(BaseModel):
    """A body or a query whose unknown fields are refused by name: a typing mistake is not to be overlooked."""

    model_config = ConfigDict(extra="forbid")


class LeadFields(Strict):
    """The fields of a lead that can be written."""

    first_name: _text(200) = None
    last_name: _text(200) = None
    job_title: _text(200) = None
    email: _text(320, _EMAIL) = None
    phone: _text(50) = None
    linkedin_url: _text(2000, _LINK) = None
    company: Annotated[_text(200), Field(description="The firm, by its name; one that is not known yet is added.")] = None
    status: Annotated[Any, WithJsonSchema({"enum": [*(each.value for each in Status), None]}), Blank, Field(
        description="Through the API a lead only moves forward.")] = None
    score: Annotated[Any, WithJsonSchema({"anyOf": [
        {"type": "integer", "minimum": 0, "maximum": MAX_SCORE}, {"type": "string", "pattern": "^ *[0-9]{1,6} *$"},
        {"type": "null"}]}), Blank] = None
    # Of five million wrong ones, which fit into a batch, the first is told: to tell all of them would stop the process
    # for half a minute.
    tags: Annotated[list[str] | None, FailFast(), _schema(
        type="array", maxItems=MAX_TAGS, items={"type": "string", "maxLength": MAX_TAG, "pattern": SHOWN}), Blank] = None
    notes: _text(20_000, LINES) = None
    source: _text(200) = None
    source_workflow: _text(200) = None
    enrichment_data: Annotated[dict[str, Any] | None, Blank, Field(
        description="Whatever is known besides. On a lead that is there it is merged into what is known, and fills "
                    "an empty email, phone, job_title and linkedin_url.")] = None


_NAMED = [{"required": [name], "properties": {name: {"type": "string", "pattern": r"\S"}}}
          for name in ("first_name", "last_name", "email", "linkedin_url")]


class NewLead(LeadFields):
    """A lead needs at least a name, an e-mail address or a LinkedIn address."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _NAMED, "examples": [{
        "status": "new", "first_name": "Ada", "last_name": "Lovelace", "job_title": "CTO",
        "linkedin_url": "https://www.linkedin.com/in/ada-example", "source": "linkedin",
        "source_workflow": "Scrape to new lead", "tags": ["n8n"]}]})


class LeadUpdate(LeadFields):
    """The fields to change; those that are left out stay. Null empties a field."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "status": "enriched", "enrichment_data": {"email": "john@acme.com", "phone": "+1-555-0123"}}]})


class LeadBatch(Strict):
    model_config = ConfigDict(json_schema_extra={"examples": [{"leads": [
        {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"},
        {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com"}]}]})

    leads: Annotated[list[NewLead], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Assignment(Strict):
    """Whom to give the lead to; null gives it to nobody."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"userId": "5f0c7f6e-3d0f-4c52-9b1c-2f1a7c9d1e11"}]})

    # Here an empty text is no null: an expression that found nobody must not take the lead away from its owner.
    user_id: Annotated[uuid.UUID | None, Field(
        validation_alias=AliasChoices("userId", "user_id"), description="May be called user_id too.")]


class Contact(Strict):
    model_config = ConfigDict(json_schema_extra={"examples": [
        {"method": "email", "notes": "Sent intro email via Apollo"}]})

    method: Method
    notes: _text(20_000, LINES) = None
    subject: _text(500) = None
    direction: Direction = Direction.OUTBOUND
    outcome: Annotated[ContactOutcome | None, Blank] = None
    successful: Annotated[bool, Field(description="Whether they answered.")] = False
    occurred_at: Annotated[AwareDatetime | None, Blank, Field(
        description="When it happened, with its time zone; not in the future. Left out: now.")] = None


class Lead(BaseModel):
    """A lead as it is now. Times are UTC."""

    id: uuid.UUID
    company_id: uuid.UUID
    status: Status
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    job_title: str | None
    linkedin_url: str | None
    lead_company_id: uuid.UUID | None
    company: Annotated[str | None, Field(description="The name of the firm that the lead works for.")]
    assigned_to_user_id: uuid.UUID | None
    assigned_to: Annotated[str | None, Field(validation_alias="owner", description="The assignee's name.")]
    assigned_at: datetime | None
    last_contacted_at: datetime | None
    last_contact_method: Method | str | None
    contact_count: int
    last_response_at: datetime | None
    response_count: int
    conversion_source: str | None
    converted_at: datetime | None
    lost_reason: LostReason | None
    lost_note: str | None
    lost_at: datetime | None
    source: str | None
    source_workflow: str | None
    enrichment_data: dict[str, Any] | None
    tags: list[str] | None
    notes: str | None
    score: int | None
    created_at: datetime
    updated_at: datetime


def leads(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """As ``Lead`` has them, from rows with the names of firm and owner. What the database holds is not checked again on
    its way out, which would take as long as finding it."""
    return [dict(zip(Lead.model_fields, _taker(rows[0]._fields)(row), strict=True)) for row in rows]


def lead(row: Row) -> dict[str, Any]:
    """As ``Lead`` has it, from a row with the names of firm and owner."""
    return leads([row])[0]


@functools.lru_cache(maxsize=8)
def _taker(columns: tuple[str, ...]) -> itemgetter:
    """Takes the values of ``Lead`` out of a row with these columns: one by one and by name they take twice as long."""
    return itemgetter(*(columns.index(field.validation_alias or name) for name, field in Lead.model_fields.items()))


class ArrivedLead(Lead):
    result: Annotated[Fate, Field(description="created, or what became of the lead that was there already.")]


class LeadPage(BaseModel):
    data: list[Lead]
    next_cursor: str | None
    next: Annotated[str | None, Field(description="The whole address of the next page; null on the last one.")]
    has_more: bool


class ArrivalResult(BaseModel):
    index: Annotated[int, Field(description="The place in the request, counted from 0.")]
    status: Fate
    id: uuid.UUID | None
    error_code: str | None = None
    message: str | None = None
    fields: dict[str, str] | None = None


class BatchResult(BaseModel):
    results: list[ArrivalResult]
    counts: dict[Fate, int]


class Assigned(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    assigned_to_user_id: uuid.UUID | None
    assigned_to: Annotated[str | None, Field(validation_alias="owner")]
    assigned_at: datetime | None


class Metrics(BaseModel):
    """The four numbers, for the user of the token."""

    my_leads: int
    ready_for_outreach: int
    in_conversation: int
    follow_ups_due: Annotated[int, Field(description="Of the whole company.")]
    my_follow_ups_due: int
    follow_up_days: int
    as_of: datetime


class RepLoad(BaseModel):
    """One person's desk; lib/workload.py says what each number is."""

    user_id: uuid.UUID
    name: str
    role: Role
    is_active: bool
    open_leads: int
    by_status: dict[Status, int]
    follow_ups_due: int
    oldest_due: datetime | None
    waiting: int
    contacts_last_7_days: dict[Method, int]
    contacts_last_30_days: dict[Method, int]
    replies_last_30_days: int
    conversions_last_30_days: int


class Workload(BaseModel):
    data: list[RepLoad]
    unassigned: Annotated[int, Field(description="Open leads that nobody owns.")]
    as_of: datetime


class User(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    email: str
    role: Role
    is_active: bool
    is_service: bool
    takes_leads: bool
    away_from: datetime | None
    away_until: datetime | None
    most_open_leads: int | None
    last_assigned_at: datetime | None


class Users(BaseModel):
    data: list[User]


class ErrorDetail(BaseModel):
    code: str
    message: str
    fields: dict[str, str]
    lead_id: Annotated[uuid.UUID | None, Field(description="The lead that has the address already.")] = None
    error_id: Annotated[str | None, Field(description="The number under which a mistake of ours is logged.")] = None


class Error(BaseModel):
    error: ErrorDetail


def _split(values: Any) -> Any:
    """``status=new,enriched`` as ``status=new&status=enriched``."""
    if isinstance(values, str):
        values = [values]
    if not isinstance(values, list):
        return values
    return [part.strip() for value in values for part in (value.split(",") if isinstance(value, str) else [value])
            if not isinstance(part, str) or part.strip()]


Split = BeforeValidator(_split)
DAY = (r"^(today|yesterday|[1-9][0-9]{0,2} (day|week|month)s? ago|(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
       r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]))?)$")
Day = Annotated[str | None, Field(description="A date, which is the start of that day in the company's time zone; “30 days "
                                              "ago”; or a time with its zone."), _schema(type="string", pattern=DAY)]
_Count = Annotated[int | None, Field(ge=0, le=2**31 - 1)]
_Words = Annotated[list[Annotated[str, Field(max_length=200)]], Split]


class LeadQuery(Strict):
    assigned_to_me: bool = False
    assigned_to: uuid.UUID | None = None
    unassigned: bool = False
    status: Annotated[list[Status], Split, Field(description="Any of these: a comma list, or repeated.")] = []
    last_contacted_before: Annotated[Day, Field(description="Leads never contacted are left out.")] = None
    last_contacted_after: Day = None
    never_contacted: bool = False
    contact_count_min: _Count = None
    contact_count_max: _Count = None
    last_contact_method: Annotated[list[Method], Split] = []
    score_min: _Count = None
    tag: Annotated[_Words, Field(description="Any of these tags.")] = []
    source: _Words = []
    source_workflow: _Words = []
    created_after: Day = None
    created_before: Day = None
    q: Annotated[str, Field(max_length=200, description="Any part of a name, an address, a phone number or the firm's "
                                                        "name; every word has to be found.")] = ""
    sort: Literal[tuple(orders.ORDERS)] = "newest"
    limit: Annotated[int, Field(ge=1, le=PAGE_LIMIT)] = 50
    cursor: Annotated[str | None, Field(description="next_cursor of the page before, with the same sort."), _schema(
        type="string", minLength=1)] = None


class AutoAssignQuery(Strict):
    strategy: Strategy = Strategy.ROUND_ROBIN


class NoQuery(Strict):
    """A call without parameters."""
