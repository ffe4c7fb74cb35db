"""The sources, workflows and tags that a person can choose from, read once a minute for each session."""

from datetime import datetime, timedelta

from lib import db, lists
from lib.auth import Actor
from lib.ui.desk import Desk

FRESH = timedelta(minutes=1)


def of(desk: Desk, actor: Actor, now: datetime) -> dict[str, list[str]]:
    """Known values by column: ``source``, ``source_workflow``, ``tags``."""
    whose, read_at, known = desk.lists.get("vocabulary", (None, now, None))
    if known is None or whose != actor.company_id or now - read_at > FRESH:
        with db.transaction() as session:
            known = lists.vocabulary(session, actor)
        desk.lists["vocabulary"] = (actor.company_id, now, known)
    return known
