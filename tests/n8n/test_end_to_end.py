"""A real n8n runs the very workflows of docs/n8n against the running app."""

import os
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.models import Lead, LeadEvent
from tests.factories import events, make_lead, row
from tests.n8n.lossy import lossy
from tests.n8n.n8n import N8n

CREATE, CREATE_MANY = "leadDesk1NewLead", "leadDesk2Batches"
ENRICH, HAND_OUT = "leadDesk3Enrich1", "leadDesk4HandOut"
# More than one page, and more than one request of people.
MANY = 120


@pytest.fixture
def n8n(tmp_path: Path) -> N8n:
    binary = os.environ.get("N8N_BIN")
    if not binary:
        pytest.skip("N8N_BIN names no n8n; tests/n8n/install.sh installs one, in ten minutes and three gigabytes")
    return N8n(binary, tmp_path)


def leads_of(session: Session, actor: Actor) -> list[Row]:
    return list(session.execute(select(*Lead.__table__.c).where(Lead.company_id == actor.company_id)
                                .order_by(Lead.last_name)))


def people() -> list[dict]:
    """Many, of whom one cannot become a lead."""
    many = [{"first_name": "Ada", "last_name": f"Lovelace {number}",
             "linkedin_url": f"https://www.linkedin.com/in/ada-{number}"} for number in range(MANY)]
    many[110]["email"] = "not an address"
    return many


def test_scraped_people_are_created_enriched_and_handed_out_and_only_once(app, n8n, node, cast, session):
    n8n.set_up(app.url, node.token)

    first = n8n.execute_all(CREATE, CREATE_MANY, ENRICH, HAND_OUT)

    assert first.succeeded, first.output
    leads = leads_of(session, cast.tess)
    assert sorted(lead.last_name for lead in leads) == ["O'Neill \"Ossie\" Sjöholm", "Whitlock", "Özgürler"]
    assert {lead.status for lead in leads} == {"enriched"}
    assert all(lead.email and lead.phone and lead.enrichment_data["provider"] == "sample" for lead in leads)
    assert {lead.source_workflow for lead in leads} == {"Lead Desk 1 – Scraped people to new leads"}
    owners = Counter(lead.assigned_to_user_id for lead in leads)
    assert set(owners) == {cast.alice.user_id, cast.bob.user_id} and sorted(owners.values()) == [1, 2]

    happened = select(func.count()).where(LeadEvent.company_id == cast.tess.company_id)
    so_far = session.scalar(happened)
    second = n8n.execute_all(CREATE, CREATE_MANY, ENRICH, HAND_OUT)

    assert second.succeeded, second.output
    assert leads_of(session, cast.tess) == leads
    assert session.scalar(happened) == so_far


@pytest.mark.parametrize("workflow", [CREATE, CREATE_MANY])
def test_a_person_who_is_refused_is_told_and_holds_up_none_of_the_others(app, n8n, node, cast, session, workflow):
    n8n.set_up(app.url, node.token, people())

    run = n8n.execute(workflow)

    assert run.succeeded, run.output
    assert len(leads_of(session, cast.tess)) == MANY - 1
    refused, = run.items_of("Refused")
    assert refused["person"]["last_name"] == "Lovelace 110"
    assert refused.get("refused", refused.get("message")) == "“not an address” is not an e-mail address."


def test_answers_that_are_lost_on_the_way_are_asked_for_again_and_nothing_is_done_twice(app, n8n, node, cast, session):
    with lossy(app.url, lost=2) as url:
        n8n.set_up(url, node.token)
        run = n8n.execute(CREATE)

    assert run.succeeded, run.output
    assert run.items_of("Done") == [{"created": 3, "there_already": 0, "refused": 0}]
    leads = leads_of(session, cast.tess)
    assert len(leads) == 3
    assert {len(events(session, lead.id)) for lead in leads} == {1}


def test_all_pages_are_enriched_and_a_lead_that_is_refused_holds_up_none_of_the_others(app, n8n, node, cast, session):
    n8n.set_up(app.url, node.token)
    leads = [make_lead(session, cast.tess, email=None) for _ in range(MANY)]
    refused = leads[50]
    make_lead(session, cast.tess, email=f"person.{str(refused)[:8]}@enriched.example", status="contacted")

    run = n8n.execute(ENRICH)

    assert run.succeeded, run.output
    assert Counter(row(session, lead).status for lead in leads) == {"enriched": MANY - 1, "new": 1}
    assert row(session, refused).email is None
    told, = run.items_of("Refused")
    assert (told["lead_id"], told["status"]) == (str(refused), 409)
    assert "already has the e-mail address" in told["refused"] and "{" not in told["refused"]


def test_a_token_that_is_not_known_stops_the_workflow_with_the_reason(app, n8n):
    n8n.set_up(app.url, "ldk_unknown")

    run = n8n.execute_all(CREATE)

    assert not run.succeeded
    assert "This API token is not known" in run.output
