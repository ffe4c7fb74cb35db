"""The specification's Testing Checklist, read from top to bottom, through the data access."""

from datetime import UTC, datetime, timedelta

from lib import contacts, deliveries, leads, lists, new_leads
from lib.leads import ANYTHING, Edit
from lib.views import VIEWS
from tests.factories import row


def test_the_specifications_checklist_holds(session, cast):
    start = datetime(2026, 2, 10, 9, 0, tzinfo=UTC)

    # Create lead with status='new'
    lead_id = new_leads.create(session, cast.tess, {"first_name": "John", "last_name": "Doe"}, now=start)
    assert row(session, lead_id).status == "new"

    # Enrich lead → status='enriched'
    deliveries.enrich(session, cast.tess, lead_id, {"email": "john@acme.com", "phone": "+1-555-0123"})
    assert row(session, lead_id).status == "enriched"
    assert row(session, lead_id).email == "john@acme.com"

    # Assign lead to user A
    leads.assign(session, cast.tess, [lead_id], to=cast.alice.user_id, now=start)
    assert row(session, lead_id).assigned_to_user_id == cast.alice.user_id
    assert row(session, lead_id).assigned_at == start

    # Log contact (email) → status='contacted', last_contacted_at updated
    contacts.log_contact(session, cast.alice, [lead_id], method="email", notes="Sent intro email via Apollo", now=start)
    assert row(session, lead_id).status == "contacted"
    assert row(session, lead_id).last_contacted_at == start
    assert row(session, lead_id).last_contact_method == "email"

    # Log another contact (linkedin) → contact_count = 2
    later = start + timedelta(days=3)
    contacts.log_contact(session, cast.alice, [lead_id], method="linkedin", now=later)
    assert row(session, lead_id).contact_count == 2
    assert row(session, lead_id).last_contact_method == "linkedin"

    # Change status to 'conversing'
    leads.edit(session, cast.alice, [Edit(lead_id, "status", "contacted", "conversing")])
    assert row(session, lead_id).status == "conversing"

    # Reassign to user B
    leads.assign(session, cast.alice, [lead_id], to=cast.bob.user_id)
    assert row(session, lead_id).assigned_to_user_id == cast.bob.user_id

    # Filter "my leads" query
    def listed(view, actor, now):
        return [lead.id for lead in lists.page(session, actor, VIEWS[view].filter(actor, now)).rows]

    assert listed("mine", cast.bob, later) == [lead_id]
    assert listed("mine", cast.alice, later) == []

    # Filter "leads not contacted in 30 days"
    assert listed("quiet", cast.bob, later + timedelta(days=29)) == []
    assert listed("quiet", cast.bob, later + timedelta(days=31)) == [lead_id]

    # Change status to 'converted'
    leads.edit(session, cast.bob, [Edit(lead_id, "status", ANYTHING, "converted")])
    assert row(session, lead_id).status == "converted"
