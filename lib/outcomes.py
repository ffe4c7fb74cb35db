"""What a contact means: the columns of the lead that sum it up, and where it moves the lead's status.

Shown before a contact is saved and applied when it is, by the same function.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.errors import WouldMoveBack
from lib.models import ContactOutcome, Direction, Status

LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Summary:
    """The columns that sum up one direction."""

    at: str
    count: str
    method: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """To a status, from those that it is a step ahead of; a lead in any other stays where it is."""

    to: Status
    start: frozenset[Status]


SUMMARIES = {
    Direction.OUTBOUND: Summary("last_contacted_at", "contact_count", "last_contact_method"),
    Direction.INBOUND: Summary("last_response_at", "response_count", None),
}

_UNTOUCHED = frozenset({Status.NEW, Status.ENRICHED})
_REACHED_OUT = Move(Status.CONTACTED, _UNTOUCHED)
_IN_TOUCH = Move(Status.CONVERSING, _UNTOUCHED | {Status.CONTACTED})
_CLOSED = frozenset({Status.CONVERTED, Status.LOST})
_OPEN = frozenset(Status) - _CLOSED

# The whole of what moves a status. No contact reopens a lead that is converted or lost, and none moves one back: that
# is a decision, which a person takes by choosing the status themselves.
BY_DIRECTION = {
    Direction.OUTBOUND: _REACHED_OUT,
    Direction.INBOUND: _IN_TOUCH,
}
BY_OUTCOME = {
    # Nobody was reached: what counts is who reached out to whom.
    ContactOutcome.NO_ANSWER: None,
    ContactOutcome.LEFT_MESSAGE: None,
    # Somebody answered, whatever they said: a conversation, which the follow-ups keep in view. “Not now” is one too.
    ContactOutcome.REPLIED: _IN_TOUCH,
    ContactOutcome.INTERESTED: _IN_TOUCH,
    ContactOutcome.NOT_NOW: _IN_TOUCH,
    # The pipeline's own words for its two ends: “meeting booked” is converted; “not interested” and “bad fit” are lost.
    ContactOutcome.MEETING_BOOKED: Move(Status.CONVERTED, _OPEN),
    ContactOutcome.NOT_INTERESTED: Move(Status.LOST, _OPEN),
    ContactOutcome.WRONG_PERSON: Move(Status.LOST, _OPEN),
}
ANSWERED = frozenset(outcome for outcome, move in BY_OUTCOME.items() if move is not None)


def implied_status(direction: str, outcome: str | None, held: str) -> str:
    """The status of a lead after such a contact, from the one that it holds; the same one where nothing follows."""
    move = BY_OUTCOME[ContactOutcome(outcome)] if outcome else None
    move = move or BY_DIRECTION[Direction(direction)]
    return move.to.value if held in move.start else str(held)


def status_after(contact: Any, held: str) -> str:
    """``implied_status``, unless the person who logged the contact (a mapping or a row) chose for themselves."""
    contact = contact if isinstance(contact, Mapping) else contact._mapping
    choice = contact.get("status_choice")
    if choice is None:
        return implied_status(contact["direction"], contact.get("outcome"), held)
    return str(held) if choice == LEAVE else choice


def moves_on(held: str, to: str) -> bool:
    """Whether this is a step forward from where the lead is: what a machine may do to a status, and nothing else.

    Closed leads stay closed, and any open one can be lost.
    """
    return held not in _CLOSED and list(Status).index(Status(to)) > list(Status).index(Status(held))


def check_moves_on(held: str, to: str) -> None:
    """Raise WouldMoveBack unless the lead is there already or ``moves_on`` to it."""
    if to != held and not moves_on(held, to):
        raise WouldMoveBack(f"The lead is “{held}” by now. Through the API a lead only moves forward; a person can move "
                            f"it back to “{to}”.")
