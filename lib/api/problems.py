"""What went wrong, always in one shape: {"error": {"code", "message", "fields"}}."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lib import logs
from lib.errors import DatabaseUnavailable, Duplicate, Invalid, LeadDeskError, NotSignedIn, TooManyRequests

log = logging.getLogger(__name__)

CODES = {400: "malformed", 401: "not_signed_in", 404: "not_found", 405: "method_not_allowed", 413: "too_large",
         415: "unsupported_media_type", 429: "too_many_requests"}
# A body can be wrong in a hundred thousand places, which nobody reads.
MOST_TOLD = 1_000
SENTENCES = {404: "There is no such address in this API; /api/docs lists those that there are.",
             405: "This address does not know this method.",
             413: "The request is too large.",
             400: "The body could not be read."}


def answer(status: int, code: str, message: str, fields: Mapping[str, str] | None = None, *,
           headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """The one shape of an error."""
    error = {"code": code, "message": message, "fields": dict(fields or {}), **more}
    # As text that people can read, since n8n shows it as it comes. What is quoted may hold half a surrogate pair, which
    # UTF-8 cannot carry: JSON's own escape can.
    packed = json.dumps({"error": error}, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(packed, status, dict(headers or {}), "application/json")


def of_error(error: LeadDeskError) -> Response:
    """What a refusal of the data access is answered with."""
    logs.refused(log, error)
    headers, more = {}, {}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, DatabaseUnavailable):
        headers["Retry-After"] = "2"
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Duplicate):
        more["lead_id"] = error.lead_id and str(error.lead_id)
    return answer(error.status, error.code, error.message, error.fields, headers=headers, **more)


def of_status(status: int, message: str = "", headers: Mapping[str, str] | None = None) -> Response:
    return answer(status, CODES.get(status, "error"), message or SENTENCES.get(status, "The request was refused."),
                  headers=headers)


def unexpected(error: Exception) -> Response:
    """A mistake of ours: logged under a number, of which the caller learns only that."""
    number = logs.report(log, error, "an API call")
    return answer(500, "internal_error", f"Something went wrong on our side (error {number}). Nothing was saved.",
                  error_id=number)


def of_validation(errors: Sequence[Mapping[str, Any]]) -> Response:
    """What does not fit the contract, with each field named in plain words."""
    fields: dict[str, str] = {}
    for error in errors[:MOST_TOLD]:
        if error["type"] == "json_invalid":
            return answer(400, CODES[400], f"The body is not JSON: {error['ctx']['error']}.")
        place, *path = error["loc"]
        if place == "query":
            # Which of a parameter's values it is says the sentence; a name with a number is nobody's parameter.
            path = path[:1]
        name = ".".join(str(part) for part in path) or ("body" if place == "body" else str(place))
        fields.setdefault(name, _sentence(place, name, error))
    return answer(Invalid.status, Invalid.code, " ".join(list(fields.values())[:5]), fields)


def _sentence(place: str, name: str, error: Mapping[str, Any]) -> str:
    shown = name if len(name) <= 60 else name[:59] + "…"
    match error["type"]:
        case "uuid_parsing" | "uuid_type":
            return f"“{shown}” has to be an id, such as 5f0c7f6e-3d0f-4c52-9b1c-2f1a7c9d1e11."
        case "extra_forbidden":
            return f"“{shown}” is not a {'parameter' if place == 'query' else 'field'} of this call."
        case "missing" if name == "body":
            return "The call needs a JSON body."
        case "missing":
            return f"“{shown}” is missing."
        case "model_attributes_type" | "dict_type" | "model_type" if name == "body":
            return "The body has to be a JSON object, sent as application/json."
        case _:
            return f"“{shown}”: {error['msg'][:1].lower()}{error['msg'][1:]}."


def install(app: FastAPI) -> None:
    @app.exception_handler(LeadDeskError)
    async def refused(_request: Request, error: LeadDeskError) -> Response:
        return of_error(error)

    @app.exception_handler(RequestValidationError)
    async def misfit(request: Request, error: RequestValidationError) -> Response:
        # Whoever is not signed in learns that, and nothing about what the call would have wanted.
        try:
            await app.state.calls.check(request)
        except LeadDeskError as refusal:
            return of_error(refusal)
        return of_validation(error.errors())

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        methods = _methods(app.openapi()["paths"], request) if error.status_code == 405 else ()
        return of_status(error.status_code, headers={"Allow": ", ".join(methods)} if methods else error.headers)


def _methods(paths: Mapping[str, Mapping[str, Any]], request: Request) -> list[str]:
    """The methods of the address, of which each may be a route of its own."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return sorted({method.upper() for template, methods in paths.items() for method in methods
                   if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path)
                   and (path not in paths or template == path)})
