"""The tables, as SQLAlchemy sees them.

Names, types, the order of the enum and the ``ON DELETE`` rules are those of the leads schema specification (V1); what
the product adds is marked. The migrations make the tables; ``tests/test_migrations.py`` holds the two equal.
"""

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (BigInteger, CheckConstraint, Enum, ForeignKey, Identity, Index, LargeBinary, MetaData, String,
                        Text, func, text)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


# ``lib.fields.linkedin_key`` in SQL: the words of leads_linkedin_key_idx, and of every look-up that is to use it.
LINKEDIN_KEY = (
    "left(rtrim(regexp_replace(regexp_replace(translate(leads.linkedin_url, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', "
    "'abcdefghijklmnopqrstuvwxyz'), '[?#].*', ''), '^([a-z]+://)?(www[.]|[a-z]{1,3}[.](?=linkedin[.]com))?', ''), '/'), "
    "300)")

# A lead that was given to somebody and waits for their first contact: the words of leads_untouched_idx.
UNTOUCHED = "status = 'enriched' AND (last_contacted_at IS NULL OR last_contacted_at < assigned_at)"


class Status(enum.StrEnum):
    """A lead's place in the pipeline, in the pipeline's order."""

    NEW = "new"
    ENRICHED = "enriched"
    CONTACTED = "contacted"
    CONVERSING = "conversing"
    QUALIFIED = "qualified"
    CONVERTED = "converted"
    LOST = "lost"


class Role(enum.StrEnum):
    REP = "rep"
    TEAM_LEAD = "team_lead"
    MANAGER = "manager"


class Method(enum.StrEnum):
    """How a contact was made."""

    EMAIL = "email"
    LINKEDIN = "linkedin"
    CALL = "call"
    OTHER = "other"


class Direction(enum.StrEnum):
    OUTBOUND = "outbound"
    INBOUND = "inbound"


class ContactOutcome(enum.StrEnum):
    """What came of a contact. Those from REPLIED on mean that somebody answered."""

    NO_ANSWER = "no_answer"
    LEFT_MESSAGE = "left_message"
    REPLIED = "replied"
    INTERESTED = "interested"
    NOT_NOW = "not_now"
    NOT_INTERESTED = "not_interested"
    MEETING_BOOKED = "meeting_booked"
    WRONG_PERSON = "wrong_person"


class LostReason(enum.StrEnum):
    """Why a lead was lost."""

    NO_ANSWER = "no_answer"
    NO_BUDGET = "no_budget"
    NO_NEED = "no_need"
    COMPETITOR = "competitor"
    BAD_TIMING = "bad_timing"
    WRONG_PERSON = "wrong_person"
    BAD_DATA = "bad_data"
    OTHER = "other"


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    })
    type_annotation_map = {
        str: Text,
        uuid.UUID: UUID(as_uuid=True),
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: ARRAY(Text),
        bytes: LargeBinary,
    }


def _id() -> Mapped[uuid.UUID]:
    return mapped_column(primary_key=True, server_default=func.gen_random_uuid())


def _company() -> Mapped[uuid.UUID]:
    return mapped_column(ForeignKey("companies.id", ondelete="CASCADE"))


def _now() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())


class Company(Base):
    """A customer of Lead Desk: the tenant that everything else belongs to."""

    __tablename__ = "companies"
    __table_args__ = (
        CheckConstraint("follow_up_days BETWEEN 1 AND 365", name="follow_up_days"),
        CheckConstraint("auto_assign IN ('round_robin', 'least_loaded')", name="auto_assign"),
    )

    id: Mapped[uuid.UUID] = _id()
    name: Mapped[str]
    follow_up_days: Mapped[int] = mapped_column(server_default=text("7"))  # added
    auto_assign: Mapped[str | None]  # added: by which strategy a lead is assigned when it is enriched, if any
    time_zone: Mapped[str] = mapped_column(server_default=text("'UTC'"))  # added: an IANA name
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _now()


class User(Base):
    """Somebody who works leads. Users are deactivated, never deleted, so that history keeps its names."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('rep', 'team_lead', 'manager')", name="role"),
        CheckConstraint("most_open_leads >= 0", name="most_open_leads"),
        Index("users_email_idx", func.lower(text("email")), unique=True),
        Index("users_company_id_idx", "company_id"),
    )

    id: Mapped[uuid.UUID] = _id()
    company_id: Mapped[uuid.UUID] = _company()
    email: Mapped[str]
    name: Mapped[str]
    # Added from here: who may do what, and who takes part in the round robin.
    role: Mapped[str] = mapped_column(server_default=text("'rep'"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    takes_leads: Mapped[bool] = mapped_column(server_default=text("true"))
    away_from: Mapped[datetime | None]
    away_until: Mapped[datetime | None]
    last_assigned_at: Mapped[datetime | None]
    most_open_leads: Mapped[int | None]
    # Its own time zone (an IANA name; None: the browser's). A service user acts through tokens and never signs in. What
    # was signed in before ``signed_out_at`` no longer counts.
    time_zone: Mapped[str | None]
    is_service: Mapped[bool] = mapped_column(server_default=text("false"))
    signed_out_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _now()


class LeadCompany(Base):
    """The firm that a lead works for."""

    __tablename__ = "lead_companies"
    __table_args__ = (Index("lead_companies_company_id_idx", "company_id", func.lower(text("name"))),)

    id: Mapped[uuid.UUID] = _id()
    company_id: Mapped[uuid.UUID] = _company()
    name: Mapped[str]
    domain: Mapped[str | None]
    industry: Mapped[str | None]
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _now()


class Lead(Base):
    __tablename__ = "leads"
    __table_args__ = (
        CheckConstraint("lost_reason IN ('no_answer', 'no_budget', 'no_need', 'competitor', 'bad_timing', "
                        "'wrong_person', 'bad_data', 'other')", name="lost_reason"),
        Index("leads_company_id_email_idx", "company_id", "email", unique=True,
              postgresql_where=text("email IS NOT NULL")),
        Index("idx_leads_assigned_to", "company_id", "assigned_to_user_id"),
        Index("idx_leads_last_contacted", "company_id", "last_contacted_at"),
        # Added: what the lists and the four numbers read; docs/performance.md has the measurements.
        Index("leads_my_list_idx", "company_id", "assigned_to_user_id", text("last_contacted_at DESC NULLS LAST"),
              text("id DESC"), postgresql_include=["status", "last_contact_method", "contact_count"]),
        Index("leads_company_list_idx", "company_id", text("last_contacted_at DESC NULLS LAST"), text("id DESC")),
        Index("leads_owner_status_idx", "company_id", "assigned_to_user_id", "status"),
        Index("leads_unassigned_idx", "company_id", text("score DESC NULLS LAST"), text("id DESC"),
              postgresql_include=["status"], postgresql_where=text("assigned_to_user_id IS NULL")),
        Index("leads_follow_up_idx", "company_id", text("last_contacted_at DESC NULLS LAST"), text("id DESC"),
              "assigned_to_user_id", postgresql_where=text("status IN ('contacted', 'conversing')")),
        Index("leads_lead_company_id_idx", "lead_company_id"),
        Index("leads_newest_idx", "company_id", text("created_at DESC NULLS LAST"), text("id DESC")),
        Index("leads_score_idx", "company_id", text("score DESC NULLS LAST"), text("id DESC")),
        Index("leads_name_idx", "company_id",
              # In PostgreSQL's own spelling, so that the two can be compared.
              text("lower((COALESCE(last_name, ''::text) || ' '::text) || COALESCE(first_name, ''::text))"), "id"),
        Index("leads_source_workflow_idx", "company_id", "source_workflow"),
        Index("leads_converted_idx", "company_id", "converted_at", postgresql_include=["id", "assigned_to_user_id"],
              postgresql_where=text("status = 'converted'")),
        Index("leads_lost_idx", "company_id", "lost_at",
              postgresql_include=["id", "lost_reason", "assigned_to_user_id"],
              postgresql_where=text("status = 'lost'")),
        Index("leads_source_lead_idx", "company_id", "source", "id"),
        Index("leads_assigned_at_idx", "company_id", "assigned_at", postgresql_include=["id", "assigned_to_user_id"],
              postgresql_where=text("assigned_to_user_id IS NOT NULL")),
        Index("leads_untouched_idx", "company_id", "assigned_at", postgresql_include=["assigned_to_user_id"],
              postgresql_where=text(f"assigned_to_user_id IS NOT NULL AND {UNTOUCHED}")),
        Index("leads_pool_idx", "company_id", "created_at", "source",
              postgresql_where=text("assigned_to_user_id IS NULL AND status NOT IN ('converted', 'lost')")),
        Index("leads_linkedin_key_idx", "company_id", text(LINKEDIN_KEY.replace("leads.", "")),
              postgresql_where=text("linkedin_url IS NOT NULL")),
    )

    id: Mapped[uuid.UUID] = _id()
    company_id: Mapped[uuid.UUID] = _company()
    lead_company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("lead_companies.id", ondelete="SET NULL"))

    email: Mapped[str | None]
    phone: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    job_title: Mapped[str | None]
    linkedin_url: Mapped[str | None]

    # Kept as text in Python: the enum's members are strings anyway, and rows are read by the thousand.
    status: Mapped[str] = mapped_column(Enum(*[s.value for s in Status], name="lead_status"),
                                        server_default=text("'new'"))

    assigned_to_user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    assigned_at: Mapped[datetime | None]

    last_contacted_at: Mapped[datetime | None]
    last_contact_method: Mapped[str | None] = mapped_column(String(50))
    contact_count: Mapped[int] = mapped_column(server_default=text("0"))
    # Added (V3 of the specification): the same for what came back.
    last_response_at: Mapped[datetime | None]
    response_count: Mapped[int] = mapped_column(server_default=text("0"))
    # Added (V4): what the conversion is owed to, and when it was; lib/conversion.py has the rule.
    conversion_source: Mapped[str | None]
    converted_at: Mapped[datetime | None]
    # Added: why it was lost, and since when it is; lib/lost.py has the rule.
    lost_reason: Mapped[str | None]
    lost_note: Mapped[str | None]
    lost_at: Mapped[datetime | None]

    source: Mapped[str | None]
    source_workflow: Mapped[str | None]

    enrichment_data: Mapped[dict[str, Any] | None] = mapped_column(server_default=text("'{}'::jsonb"))
    tags: Mapped[list[str] | None] = mapped_column(server_default=text("'{}'::text[]"))
    notes: Mapped[str | None]
    score: Mapped[int | None]

    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _now()


class ContactAttempt(Base):
    """One touch, in either direction (V2 of the specification)."""

    __tablename__ = "contact_attempts"
    __table_args__ = (
        CheckConstraint("method IN ('email', 'linkedin', 'call', 'other')", name="method"),
        CheckConstraint("direction IN ('outbound', 'inbound')", name="direction"),
        CheckConstraint("outcome IN ('no_answer', 'left_message', 'replied', 'interested', 'not_now', "
                        "'not_interested', 'meeting_booked', 'wrong_person')", name="outcome"),
        CheckConstraint("status_choice IN ('leave', 'new', 'enriched', 'contacted', 'conversing', 'qualified', "
                        "'converted', 'lost')", name="status_choice"),
        Index("contact_attempts_lead_id_idx", "lead_id", text("occurred_at DESC"), text("id DESC")),
        Index("contact_attempts_recent_idx", "company_id", "occurred_at",
              postgresql_include=["lead_id", "user_id", "method", "direction"]),
        Index("contact_attempts_user_id_idx", "company_id", "user_id", "occurred_at"),
        Index("contact_attempts_batch_id_idx", "batch_id"),
        # Each lead's contacts in the order of lib/conversion.py, with all that the statistics look at.
        Index("contact_attempts_history_idx", "company_id", "lead_id", "occurred_at", text("direction DESC"), "id",
              postgresql_include=["method", "user_id", "successful"]),
    )

    id: Mapped[uuid.UUID] = _id()
    company_id: Mapped[uuid.UUID] = _company()
    lead_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    batch_id: Mapped[uuid.UUID]
    method: Mapped[str] = mapped_column(String(50))
    direction: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str | None]
    notes: Mapped[str | None]
    successful: Mapped[bool] = mapped_column(server_default=text("false"))
    outcome: Mapped[str | None]
    # What the person who logged it chose for the lead's status: None for what follows from the contact, “leave” for
    # the status it had, or a status of their own.
    status_choice: Mapped[str | None]
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime] = _now()


class LeadEvent(Base):
    """One change of one lead: who, what, from, to, when. Rows are added and never changed."""

    __tablename__ = "lead_events"
    __table_args__ = (
        CheckConstraint("source IN ('ui', 'api', 'system')", name="source"),
        Index("lead_events_lead_id_idx", "lead_id", text("id DESC")),
        Index("lead_events_batch_id_idx", "batch_id"),
        Index("lead_events_undoes_batch_id_idx", "undoes_batch_id",
              postgresql_where=text("undoes_batch_id IS NOT NULL")),
        Index("lead_events_company_id_idx", "company_id", "at"),
        Index("lead_events_status_idx", "company_id", "at",
              postgresql_where=text("after ? 'status' AND action <> 'created'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    company_id: Mapped[uuid.UUID] = _company()
    lead_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    batch_id: Mapped[uuid.UUID]
    undoes_batch_id: Mapped[uuid.UUID | None]
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    source: Mapped[str]
    action: Mapped[str]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    detail: Mapped[dict[str, Any] | None]
    at: Mapped[datetime]


class SettingsEvent(Base):
    """One change of a setting: of a user, the company, a token or a tag. Rows are added and never changed."""

    __tablename__ = "settings_events"
    __table_args__ = (
        CheckConstraint("source IN ('ui', 'api', 'system')", name="source"),
        CheckConstraint("subject IN ('user', 'company', 'token', 'tag')", name="subject"),
        Index("settings_events_company_id_idx", "company_id", text("id DESC")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    company_id: Mapped[uuid.UUID] = _company()
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    source: Mapped[str]
    subject: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    action: Mapped[str]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class ApiToken(Base):
    """A bearer token for machines. Only its SHA-256 is kept, so a copy of the table opens nothing."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index("api_tokens_token_hash_idx", "token_hash", unique=True),
                      Index("api_tokens_company_id_idx", "company_id"))

    id: Mapped[uuid.UUID] = _id()
    company_id: Mapped[uuid.UUID] = _company()
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    token_hash: Mapped[bytes]
    hint: Mapped[str] = mapped_column(server_default=text("''"))  # its last characters, to know it by
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = _now()
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """What a keyed request was answered, so that its repeat gets the same answer and changes nothing."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idempotency_keys_created_at_idx", "created_at"),)

    owner_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    company_id: Mapped[uuid.UUID] = _company()
    request_hash: Mapped[bytes]
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = _now()
