"""For load balancers and whoever restarts processes. These calls need no token, and tell nothing else."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from lib import startup
from lib.api import problems, shapes
from lib.api.reading import Plain, name_of

router = APIRouter(tags=["Health"], generate_unique_id_function=name_of, responses={
    422: {"model": shapes.Error, "description": "There are no parameters."}})


@router.get("/health", summary="Can it be used?", response_model=dict[str, str], responses={
    503: {"model": shapes.Error, "description": "Not now: the database does not answer, is out of date, or the app is "
                                                "about to stop."}})
async def health(_query: Plain, request: Request) -> dict[str, str] | Response:
    """200 when calls can be sent here."""
    why_not = await request.app.state.calls.beside_calls(startup.readiness)
    if why_not:
        return problems.answer(503, "not_ready", why_not, headers={"Retry-After": "2"})
    return {"status": "ok"}


@router.get("/health/live", summary="Is it running?")
async def live(_query: Plain) -> dict[str, str]:
    """200 as long as this process runs."""
    return {"status": "ok"}
