"""Scraped people, as the first workflow sends them."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.models import Lead

SCRAPED = {"status": "new", "first_name": "Ada", "last_name": "Lovelace", "job_title": "CTO", "company": "Analytical",
           "linkedin_url": "https://www.linkedin.com/in/ada", "source": "linkedin",
           "source_workflow": "Lead Desk 1 – Scraped people to new leads", "tags": ["linkedin", "n8n"]}


def person(number: int, **values) -> dict:
    """One of several, who are told apart by their LinkedIn addresses."""
    return SCRAPED | {"last_name": f"Lovelace {number}",
                      "linkedin_url": f"https://www.linkedin.com/in/ada-{number}"} | values


def count_of(session: Session, actor: Actor) -> int:
    """How many leads the company has."""
    return session.scalar(select(func.count()).where(Lead.company_id == actor.company_id))
