"""The running app as n8n meets it, over real HTTP, and its database seen from outside."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from lib import tokens
from lib.auth import Actor
from tests.browser.app import App
from tests.browser.conftest import app, engine, session  # noqa: F401 - the same fixtures as for a browser
from tests.n8n.node import Node


@pytest.fixture
def token_of(session: Session) -> Callable[..., str]:  # noqa: F811
    """Makes an API token that acts as one of the cast."""
    def make(actor: Actor, **values) -> str:
        return tokens.create(session, actor, user_id=actor.user_id, name="n8n", now=datetime.now(UTC), **values)[1]
    return make


@pytest.fixture
def node(app: App, cast, token_of) -> Node:  # noqa: F811
    """An HTTP Request node with a token of the team lead's, who may do whatever a machine has to."""
    return Node(app.url, token_of(cast.tess))
