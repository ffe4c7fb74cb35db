"""An acknowledged action happens exactly once: a repeat of a keyed request gets the first answer.

The pattern is the idempotency key of payment interfaces: the caller makes the key, the first answer is kept beside the
change, and the same key with another request is an error.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.errors import Invalid, KeyReused
from lib.fields import to_json
from lib.models import ApiToken, IdempotencyKey
from lib.statements import Read, Write

# How long forms can come back from a restart, and machines repeat a call.
KEPT, KEPT_FOR_TOKENS = timedelta(days=7), timedelta(hours=25)

_KEYS = IdempotencyKey.__table__
_MINE = _KEYS.c.owner_id == bindparam("owner"), _KEYS.c.key == bindparam("called")
_CLAIM = Write(
    insert(_KEYS)
    .values(owner_id=bindparam("owner"), key=bindparam("called"), company_id=bindparam("company"),
            request_hash=bindparam("hash"), answer={})
    .on_conflict_do_nothing()
    .returning(_KEYS.c.key)
)
_FIRST = Read(select(_KEYS.c.request_hash, _KEYS.c.answer).where(*_MINE))
_ANSWER = Write(update(_KEYS).where(*_MINE).values(answer=bindparam("given")))


def once(session: Session, actor: Actor, key: str, request: Mapping[str, Any],
         act: Callable[[], dict[str, Any]], *, owner: uuid.UUID | None = None) -> dict[str, Any]:
    """``act()`` and its answer, or the answer that the same key got before.

    The key is claimed in the transaction of the change. A twin that arrives meanwhile waits for that transaction to
    end, and then finds either the answer or, after a rollback, a free key. Raises KeyReused when the key came before
    with another request, and Invalid when it is not a key of 1 to 200 characters. Keys are the ``owner``'s: a token's
    id, or else the actor's.
    """
    owner = owner or actor.user_id
    if not 0 < len(key) <= 200 or not key.isprintable():
        raise Invalid.field("key", "An idempotency key has 1 to 200 visible characters.")
    packed = json.dumps(request, sort_keys=True, default=to_json).encode()
    request_hash = hashlib.sha256(packed).digest()
    mine = {"owner": owner, "called": key}
    claim = mine | {"company": actor.company_id, "hash": request_hash}
    while _CLAIM.now(session, claim).one_or_none() is None:
        first = _FIRST.rows(session, mine).one_or_none()
        if first is None:
            # Old keys are dropped at any moment, also in this one; then it is free.
            continue
        if first.request_hash != request_hash:
            raise KeyReused("This form was already sent with other contents. Open it again to send another.")
        return first.answer
    answer = act()
    _ANSWER.later(session, mine | {"given": answer})
    return answer


def was_used(session: Session, actor: Actor, key: str) -> bool:
    """Whether a form with this key has been saved: how a page that comes back after a restart finds out."""
    return session.scalar(select(IdempotencyKey.key).where(
        IdempotencyKey.owner_id == actor.user_id, IdempotencyKey.key == key)) is not None


def new_key() -> str:
    return uuid.uuid4().hex


def forget_old(session: Session, *, now: datetime) -> int:
    """Drop keys that no client repeats any more; how many."""
    of_token = IdempotencyKey.owner_id.in_(select(ApiToken.id))
    return session.execute(delete(IdempotencyKey).where(or_(
        IdempotencyKey.created_at < now - KEPT,
        and_(IdempotencyKey.created_at < now - KEPT_FOR_TOKENS, of_token)))).rowcount
