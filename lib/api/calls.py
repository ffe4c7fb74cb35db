"""One call: who calls, one transaction in a thread of the API's own, and once only where a key says so."""

import functools
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from pydantic import BaseModel
from pydantic_core import to_json
from sqlalchemy.orm import Session
from starlette.responses import Response

from lib import db, logs, once, tokens
from lib.api import problems
from lib.api.limits import Limiter
from lib.auth import Actor
from lib.config import Settings
from lib.errors import KeyReused, LeadDeskError, NotAllowed, NotSignedIn, TooManyRequests

REPLAYED = {"Idempotent-Replayed": "true"}


Body = BaseModel | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call answers with: a body of the contract, as its model or as plain values, or a refusal that is to be
    kept like an answer."""

    body: Body | LeadDeskError
    status: int = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What the work of a call gets: its transaction, the actor, the moment (UTC) and the company's time zone."""

    session: Session
    actor: Actor
    now: datetime
    zone: ZoneInfo


Work = Callable[[Asked], Answer | Body]


class Calls:
    """What all calls of a process share."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self.settings = settings

    @functools.cached_property
    def workers(self) -> CapacityLimiter:
        # Fewer than there are connections: however much comes in here, the pages keep some. Streamlit serves its files
        # from the event loop's own threads, which these are none of.
        chosen = self.settings()
        return CapacityLimiter(max(1, min(chosen.api_workers, chosen.pool_size - 2)))

    @functools.cached_property
    def prober(self) -> CapacityLimiter:
        return CapacityLimiter(1)

    @functools.cached_property
    def limiter(self) -> Limiter:
        return Limiter(self.settings().api_calls_per_second)

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        """Do blocking work in one of the API's own threads."""
        return await to_thread.run_sync(work, limiter=self.workers)

    async def beside_calls(self, work: Callable[[], Any]) -> Any:
        """Do blocking work that has its turn also while all of the API's threads wait: an app that is busy, and
        therefore taken for dead, would leave the others busier."""
        return await to_thread.run_sync(work, limiter=self.prober)

    def base_url(self, request: Request) -> str:
        """Where this API is for the caller, without a slash at the end."""
        return f"{self.settings().public_url or str(request.base_url).rstrip('/')}/api"

    async def check(self, request: Request) -> None:
        """Raise NotSignedIn unless the request has a token that counts."""
        token = token_of(request)

        def look() -> None:
            with db.transaction() as session:
                tokens.sign_in(session, token, now=datetime.now(UTC))

        self.admit(token)
        await self.in_thread(look)

    def admit(self, token: str) -> bytes:
        """Count one call of this token; the key that it is counted under. Raises TooManyRequests."""
        caller = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        if wait := self.limiter.take(caller):
            seconds = math.ceil(wait)
            raise TooManyRequests(f"Too many calls at once; there is room again in {seconds} s. In n8n: Batching, or "
                                  "Retry On Fail.", retry_after=seconds)
        return caller


class Call:
    """One call of one caller, through ``Calls``."""

    def __init__(self, request: Request, scope: str) -> None:
        self.request, self.scope = request, scope
        self.calls: Calls = request.app.state.calls
        self.token = token_of(request)
        self.caller = self.calls.admit(self.token)
        self.actor: Actor | None = None

    async def run(self, work: Work, request: Any = None) -> Response:
        """Do the work in one transaction; with an Idempotency-Key, once. ``request`` is what a repeat has to equal."""
        key = self.request.headers.get("idempotency-key")
        try:
            if self.scope == "read" or key is None:
                return await self.calls.in_thread(lambda: self._in_transaction(work))
            packed = {"method": self.request.method, "url": str(self.request.url.path), "query": self.request.url.query,
                      "body": request}
            response = await self.calls.in_thread(lambda: self._once(work, key, packed))
        finally:
            # What the thread has put into its context stays there, and it is out here that refusals are logged.
            if self.actor is not None:
                logs.acting(self.actor.user_id, self.actor.company_id)
        if "idempotent-replayed" in response.headers:
            # Not in the thread: buckets have no lock, as only the event loop touches them.
            self.calls.limiter.give_back(self.caller)
        return response

    def _in_transaction(self, work: Work) -> Response:
        with db.transaction() as session:
            asked, _ = self._asked(session)
            answer = _answer(work(asked))
        return _response(answer)

    def _once(self, work: Work, key: str, request: Any) -> Response:
        is_first = False

        def act() -> dict[str, Any]:
            nonlocal is_first
            is_first = True
            answer = _answer(work(asked))
            # As text: a repeat gets the very same bytes, where JSONB would put the names in another order.
            response = _response(answer)
            return {"status": response.status_code, "body": response.body.decode()}

        with db.transaction() as session:
            asked, token_id = self._asked(session)
            try:
                kept = once.once(session, asked.actor, key, request, act, owner=token_id)
            except KeyReused as error:
                raise KeyReused("This Idempotency-Key came with another request before. Use a new key for a new "
                                "request.", {"Idempotency-Key": "Came with another request before."}) from error
        return Response(kept["body"], kept["status"], {} if is_first else REPLAYED, "application/json")

    def _asked(self, session: Session) -> tuple[Asked, Any]:
        now = datetime.now(UTC)
        caller = tokens.sign_in(session, self.token, now=now)
        self.actor = caller.actor
        logs.acting(self.actor.user_id, self.actor.company_id)
        if self.scope not in caller.scopes:
            raise NotAllowed(f"This API token may not {self.scope}; make one with the scope “{self.scope}”.")
        return Asked(session, caller.actor, now, ZoneInfo(caller.time_zone)), caller.token_id


def token_of(request: Request) -> str:
    """The token that the request brings. Raises NotSignedIn where there is none."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise NotSignedIn("Send an API token: “Authorization: Bearer ldk_…”. Tokens are made in Lead Desk, under "
                          "Settings.")
    return token.strip()


def _answer(made: Answer | Body) -> Answer:
    return made if isinstance(made, Answer) else Answer(made)


def _response(answer: Answer) -> Response:
    if isinstance(answer.body, LeadDeskError):
        return problems.of_error(answer.body)
    return Response(to_json(answer.body, inf_nan_mode="null"), answer.status, media_type="application/json")


async def _reading(request: Request) -> Call:
    return Call(request, "read")


async def _writing(request: Request) -> Call:
    return Call(request, "write")


Reading = Annotated[Call, Depends(_reading)]
Writing = Annotated[Call, Depends(_writing)]
