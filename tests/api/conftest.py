"""The API as a client meets it, over the test's own transaction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lib import api, tokens
from lib.auth import Actor


@dataclass(frozen=True)
class Caller:
    """Calls with one token; paths are under /api."""

    client: TestClient
    token: str

    def __call__(self, method: str, path: str, json: Any = None, *, key: str | None = None, **more: Any) -> Response:
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key} if key else {})
        given = {"json": json} if json is not None else {}
        return self.client.request(method, f"/api{path}", headers=headers | more.pop("headers", {}), **given, **more)

    def get(self, path: str, **params: Any) -> Response:
        return self("GET", path, params=params)

    def post(self, path: str, json: Any = None, *, key: str | None = None, **params: Any) -> Response:
        return self("POST", path, json, key=key, params=params)

    def patch(self, path: str, json: Any) -> Response:
        return self("PATCH", path, json)


@pytest.fixture
def client(connection: Connection) -> Iterator[TestClient]:
    """Without a token. A mistake of ours is answered, as it would be, and not raised."""
    with TestClient(Starlette(routes=api.routes()), base_url="https://desk.example",
                    raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def caller(client: TestClient, session: Session) -> Callable[..., Caller]:
    """Makes a token for one of the cast, and what calls with it."""
    def make(actor: Actor, *, scopes: tuple[str, ...] = tokens.SCOPES) -> Caller:
        made = datetime.now(UTC) - timedelta(minutes=1)
        _, token = tokens.create(session, actor, user_id=actor.user_id, name="N8N", scopes=scopes, now=made)
        session.commit()
        return Caller(client, token)
    return make
