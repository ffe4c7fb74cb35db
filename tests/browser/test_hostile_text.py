"""Data is shown as data: whatever a lead is called, it is text, and nothing outside is asked for."""

import pytest
from playwright.sync_api import expect

from tests.factories import make_firm, make_lead

HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) ![t](https://tracker.example/t.png) =1+1"


@pytest.fixture
def hostile(session, cast):
    return make_lead(session, cast.alice, owner=cast.alice, first_name=HOSTILE, last_name=None, job_title=HOSTILE,
                     notes=HOSTILE, tags=[HOSTILE[:40], ":material/home: :red[x] $x^2$"], status="enriched",
                     lead_company_id=make_firm(session, cast.alice, HOSTILE),
                     enrichment_data={HOSTILE: {"deep": [HOSTILE, "https://tracker.example/e.png"]}})


def test_a_hostile_name_is_text_in_the_list_the_dialog_and_the_message(desk, cast, hostile):
    page = desk(cast.alice)
    dialogs = _alerts(page)
    page.shows(HOSTILE)

    page.click_cell(HOSTILE, "log")
    expect(page.dialog()).to_contain_text("<img src=x onerror=alert(1)> [x](")
    page.log("E-mail", HOSTILE)

    page.said("<img src=x onerror=alert(1)> [x](")
    assert (dialogs, page.outside) == ([], [])
    assert page.page.locator("img[src*=tracker], a[href*=javascript]").count() == 0


def test_a_hostile_lead_is_text_on_its_own_page_and_in_its_timeline(desk, cast, hostile):
    page = desk(cast.alice, "lead", id=str(hostile))
    dialogs = _alerts(page)

    expect(page.page.get_by_role("heading", level=2).first).to_contain_text("<img src=x onerror=alert(1)>")
    page.page.get_by_label("Job title").fill(f"New {HOSTILE}")
    page.press("Save changes")
    expect(page.page.get_by_text("Job title <img src=x").first).to_be_visible()

    assert (dialogs, page.outside) == ([], [])
    assert page.page.locator("img[src*=tracker], a[href*=javascript]").count() == 0


def test_a_profile_address_with_a_script_in_it_is_no_link(desk, session, cast):
    lead = make_lead(session, cast.alice, owner=cast.alice, linkedin_url="javascript:alert(1)//linkedin.com",
                     phone="javascript:alert(1)")
    page = desk(cast.alice, "lead", id=str(lead))

    expect(page.page.get_by_text("javascript:").first).to_be_visible()
    assert page.page.locator("a[href*=javascript]").count() == 0


def _alerts(page) -> list[str]:
    opened: list[str] = []
    page.page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
    return opened
