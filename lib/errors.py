"""Everything that Lead Desk refuses or cannot do, as one hierarchy.

Each error reads as a sentence for the person who meets it (``str(error)``), and carries what the JSON API answers
with: an HTTP ``status``, a ``code`` for programs, and ``fields``, the sentence for each field that was refused.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


class LeadDeskError(Exception):
    """The root of the hierarchy; never raised itself."""

    status = 500
    code = "error"

    def __init__(self, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})


class NotFound(LeadDeskError):
    """There is no such thing, or it belongs to another company: both are told in the same words."""

    status = 404
    code = "not_found"


class NotAllowed(LeadDeskError):
    """The actor's role does not permit this."""

    status = 403
    code = "not_allowed"


class NotSignedIn(LeadDeskError):
    """Nobody is signed in, or what they signed in with no longer counts."""

    status = 401
    code = "not_signed_in"


class NoAccess(NotAllowed):
    """Somebody is who they say, but nobody who may use Lead Desk, or no longer."""

    code = "no_access"


class TooManyRequests(LeadDeskError):
    """The caller calls more often than is let in; there is room again in ``retry_after`` seconds."""

    status = 429
    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Invalid(LeadDeskError):
    """A value was refused before anything was written; ``fields`` names each one."""

    status = 422
    code = "invalid"

    @classmethod
    def field(cls, name: str, message: str) -> "Invalid":
        return cls(message, {name: message})


class Duplicate(LeadDeskError):
    """Another lead of the company already has this e-mail address; ``lead_id`` is that lead's."""

    status = 409
    code = "duplicate"

    def __init__(self, message: str, *, lead_id: Any, field: str) -> None:
        super().__init__(message, {field: message})
        self.lead_id = lead_id


class Conflict(LeadDeskError):
    """Somebody changed the cell after the user saw it, so it was left as it is.

    ``lead_id`` and ``field`` say which cell, ``theirs`` is what it holds now, ``yours`` what was asked for;
    ``by`` (a name) and ``at`` (UTC) say who changed it and when, or are None where no event tells.
    """

    status = 409
    code = "conflict"

    def __init__(self, message: str, *, lead_id: Any, field: str, theirs: Any, yours: Any,
                 by: str | None, at: datetime | None) -> None:
        super().__init__(message, {field: message})
        self.lead_id, self.field, self.theirs, self.yours, self.by, self.at = lead_id, field, theirs, yours, by, at


class WouldMoveBack(LeadDeskError):
    """A machine asked for a status that a person has moved the lead past."""

    status = 409
    code = "would_move_back"


class NobodyAvailable(LeadDeskError):
    """There is nobody to whom a lead could be given now."""

    status = 409
    code = "nobody_available"


class ChangedSince(LeadDeskError):
    """Somebody changed the lead after the batch, so undoing it would overwrite that."""

    status = 409
    code = "changed_since"


class SettingChanged(LeadDeskError):
    """Somebody changed a setting after the user saw it, so nothing was written; ``fields`` names each one."""

    status = 409
    code = "conflict"


class KeyReused(LeadDeskError):
    """An idempotency key came back with a different request."""

    status = 422
    code = "idempotency_key_reused"


class DatabaseUnavailable(LeadDeskError):
    """The database does not answer, or not in time. Nothing was written."""

    status = 503
    code = "database_unavailable"


class OutcomeUnknown(DatabaseUnavailable):
    """The connection broke while a change was being committed, so it may or may not have been kept."""

    code = "outcome_unknown"


class CannotStart(LeadDeskError):
    """Lead Desk cannot start; the sentence says what to do about it. The process ends with status 1."""

    code = "cannot_start"


class WrongSetting(CannotStart):
    """A setting has a value that cannot be used; ``fields`` names it."""

    code = "wrong_setting"
