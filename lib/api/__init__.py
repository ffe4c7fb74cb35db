"""The JSON API, for N8N and whatever else brings leads: read input, call the data access, shape output.

It speaks HTTP and knows no rules; each call does what the page's button of the same name does.
"""

import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, Route

from lib.api import health, problems, reading, reference, writing
from lib.api.calls import Calls
from lib.api.guard import KEPT_WHEN_EMPTY, Guard
from lib.config import Settings, settings

MOST_BYTES = 1_000_000

BEARER = {"type": "http", "scheme": "bearer", "description": "A token of Lead Desk, made under Settings, API tokens."}
# Nobody listens to it, and what it tells of a mistake has the values of rows in it.
NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False}

ABOUT = """\
Leads come in, get enriched, and are assigned; contacts are logged. Everything is JSON.

**Sign in** with a token, made in Lead Desk under Settings: `Authorization: Bearer ldk_…`. It acts with the rights of the
user it belongs to, whose company is all that it sees.

**Repeat safely**: send `Idempotency-Key` with anything that writes. For 24 hours the same key with the same request gets
the same answer, marked `Idempotent-Replayed: true`, and changes nothing again.

**Errors** always look like `{"error": {"code", "message", "fields"}}`; a successful answer never has a top-level
`error`.

**Pages**: follow `next` until it is null, or pass `next_cursor` as `cursor`.
"""


def routes() -> list[BaseRoute]:
    """Everything at and under /api, for the app that serves the pages too."""
    guarded = Guard(make())
    mount = Mount("/api", guarded)
    # An address with a line break in it is the API's as well, and not an unknown one of the pages.
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return [mount, Route("/api", guarded)]


class Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The contract, with what FastAPI cannot say: that a parameter of the query that is empty counts as none; and with
        what it would look at again for each call: which of them need a token."""
        if self.openapi_schema is None:
            contract = super().openapi()
            contract["components"]["securitySchemes"] = {"HTTPBearer": BEARER}
            for call in (call for path in contract["paths"].values() for call in path.values()):
                if call["tags"] != health.router.tags:
                    call["security"] = [{"HTTPBearer": []}]
                for parameter in call.get("parameters", ()):
                    if parameter["in"] == "query" and parameter["name"] not in KEPT_WHEN_EMPTY:
                        parameter["allowEmptyValue"] = True
        return self.openapi_schema


def make(settings: Callable[[], Settings] = settings) -> FastAPI:
    """The application to be mounted under /api. Nothing is connected, and no setting read, before the first call."""
    app = Api(
        title="Lead Desk", version="1", description=ABOUT, docs_url=None, redoc_url=None, openapi_url=None,
        redirect_slashes=False, max_body_size=MOST_BYTES, telemetry=NO_TELEMETRY,
        # A router that is included looks for the route of each call twice.
        routes=[route for part in (reading, writing, health, reference) for route in part.router.routes])
    app.state.calls = Calls(settings)
    problems.install(app)
    return app
