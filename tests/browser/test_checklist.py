"""The specification's Testing Checklist, clicked through from top to bottom."""

from playwright.sync_api import expect
from sqlalchemy import text

from tests.factories import make_lead, row


def test_the_specifications_checklist_holds_in_a_browser(desk, session, cast):
    # Create lead with status='new'; enrich lead → status='enriched'
    lead = make_lead(session, cast.tess, first_name="John", last_name="Doe", status="new")
    page = desk(cast.tess, "lead", id=str(lead))
    page.choose("Status", "Enriched").said("Status of John Doe saved.")

    # Assign lead to user A
    page.settled().choose("Assigned to", "Alice Adams").said("Assigned to of John Doe saved.")
    assert row(session, lead).assigned_to_user_id == cast.alice.user_id

    # Log contact (email) → status='contacted', last_contacted_at updated
    alice = desk(cast.alice, view="Ready for outreach")
    alice.click_cell("John Doe", "log")
    alice.log("E-mail", "Sent intro email via Apollo").said("E-mail logged with John Doe.")
    expect(alice.cell("John Doe", "status")).to_have_text("contacted")
    assert row(session, lead).last_contacted_at is not None

    # Log another contact (linkedin) → contact_count = 2
    alice.settled().click_cell("John Doe", "log")
    alice.log("LinkedIn").said("LinkedIn logged with John Doe.")
    expect(alice.cell("John Doe", "contacts")).to_have_text("2")

    # Change status to 'conversing'
    alice.pick("John Doe", "status", "Conversing")
    expect(alice.tile("In conversation")).to_have_text("1")

    # Reassign to user B
    alice.pick("John Doe", "owner", "Bob")
    expect(alice.tile("My leads")).to_have_text("0")

    # Filter "my leads" query
    bob = desk(cast.bob).shows("John Doe")

    # Filter "leads not contacted in 30 days"
    session.execute(text("UPDATE leads SET last_contacted_at = now() - interval '31 days' WHERE id = :id"),
                    {"id": lead})
    bob.open(cast.bob, view="Not contacted in 30 days").shows("John Doe")

    # Change status to 'converted'
    bob.pick("John Doe", "status", "Converted").said("Status of John Doe saved.")
    assert row(session, lead).status == "converted"
