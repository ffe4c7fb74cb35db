"""Signing in and out for real: a browser, an identity provider on this machine, and a team's own database."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, expect
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from lib import db, postgres, schema
from lib.config import Settings
from lib.models import User
from tests.browser import sign_in
from tests.browser.app import App
from tests.browser.desk import DeskPage
from tests.browser.sign_in import Provider, Proxy, SignInPage
from tests.factories import events, make_lead, row

# The provider's own; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PAGES = ("", "leads", "log-contacts", "workload", "lead", "import", "my_queue", "nowhere")
TOKEN_SECONDS = 12


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Iterator[str]:
    """The address of a team's own database, brought up to date without any settings of signing in."""
    folder = tmp_path_factory.mktemp("team") / "database"
    url = postgres.ensure_running(folder)
    engine = db.connect(url, Settings.load({}))
    schema.upgrade(engine)
    engine.dispose()
    yield url
    postgres.release(folder)


@pytest.fixture(scope="module")
def engine(database) -> Iterator[Engine]:
    engine = db.connect(database, Settings.load({}))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with sign_in.provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def brief() -> Iterator[Provider]:
    """A provider whose tokens end soon."""
    with sign_in.provider(access_token_max_age=timedelta(seconds=TOKEN_SECONDS)) as provider:
        yield provider


@pytest.fixture(scope="module")
def make_app(tmp_path_factory, database, provider, brief) -> Iterator[Callable[..., App]]:
    made: list[App] = []

    def make(**environment: str) -> App:
        folder = tmp_path_factory.mktemp("app")
        app = App(folder, DATABASE_URL=database, **environment)
        if not environment:
            app.environment["STREAMLIT_SECRETS_FILES"] = sign_in.secrets(folder, app, provider, brief=brief)
        made.append(app)
        app.start()
        return app
    yield make
    for app in made:
        app.stop()


@pytest.fixture(scope="module")
def app(make_app) -> App:
    return make_app()


@pytest.fixture
def alice(session, cast, provider):
    """Alice has a lead, and the provider knows her by her address, in other letters than the database."""
    provider.knows("alice", email=address(session, cast.alice).upper(), email_verified=True)
    return cast.alice


@pytest.fixture
def rita(session, alice):
    return make_lead(session, alice, owner=alice, first_name="Rita", last_name="Ready", status="enriched")


@pytest.fixture
def tab(app, context) -> Callable[..., SignInPage]:
    """Opens a page in a new tab of the same browser."""
    return lambda path="": SignInPage(context.new_page(), app).open(path)


def address(session: Session, actor) -> str:
    return session.scalar(select(User.email).where(User.id == actor.user_id))


def change(session: Session, actor, **values: object) -> None:
    session.execute(update(User).where(User.id == actor.user_id).values(**values))


def desk_of(page: SignInPage) -> DeskPage:
    return DeskPage(page.page, page.app.url)


# ---------------------------------------------------------------- coming in


def test_a_verified_address_signs_in_and_the_menu_says_who_that_is(session, alice, rita, tab):
    page = tab()
    page.is_asked_to_sign_in()

    page.sign_in("alice")

    desk_of(page).shows("Rita Ready")
    page.menu().click()
    expect(page.page.get_by_text("Rep · Acme Outbound")).to_be_visible()
    expect(page.page.get_by_text(address(session, alice).upper())).to_be_visible()
    expect(page.page.get_by_text("Signed in until")).to_be_visible()
    expect(page.page.get_by_label("You are")).to_have_count(0)


def test_a_long_name_takes_one_line_at_the_top_of_a_phone(session, alice, app, browser):
    change(session, alice, name="Maximiliane-Katharina von und zu Hohenstein-Waldenburg")
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        page = SignInPage(context.new_page(), app).open().sign_in("alice")
        expect(page.menu()).to_contain_text("Maximiliane")

        # Two lines have more than 40 pixels.
        assert page.menu().bounding_box()["height"] <= 40
        page.menu().click()
        expect(page.page.get_by_text("Hohenstein-Waldenburg").last).to_be_visible()
    finally:
        context.close()


def test_what_is_done_is_done_by_whoever_signed_in(session, alice, rita, tab):
    page = desk_of(tab().sign_in("alice"))

    page.pick("Rita Ready", "status", "Qual")
    page.said("Status of Rita Ready saved.")

    assert [event.actor_id for event in events(session, rita)] == [alice.user_id]


@pytest.mark.parametrize(("claims", "why"), [
    ({"email": "mallory@acme.example", "email_verified": True}, "You have no access to Lead Desk."),
    ({"email_verified": False}, "has not verified that"),
    ({}, "has not verified that"),
    ({"email": None, "email_verified": True}, "does not tell your e-mail address"),
])
def test_nobody_else_is_let_in_and_everybody_can_leave_again(session, alice, rita, provider, tab, claims, why):
    provider.knows("mallory", **{"email": address(session, alice)} | claims)
    page = tab()

    page.sign_in("mallory")

    page.is_refused(why)
    page.page.get_by_role("button", name="Sign out").click()
    page.page.get_by_role("button", name="End session").click()
    page.is_asked_to_sign_in()


@pytest.mark.parametrize("values", [{"is_active": False}, {"is_service": True}])
def test_who_has_left_and_who_is_a_machine_is_not_let_in(session, alice, rita, tab, values):
    change(session, alice, **values)

    tab().sign_in("alice").is_refused("You have no access to Lead Desk. Ask your manager to add you.")


def test_a_cookie_that_somebody_made_up_counts_for_nothing(session, alice, rita, app, context, tab):
    page = tab().sign_in("alice")
    desk_of(page).shows("Rita Ready")
    for cookie in context.cookies():
        if cookie["name"].startswith("_streamlit_user"):
            context.add_cookies([cookie | {"value": cookie["value"][:-6] + "AAAAAA"}])

    tab().is_asked_to_sign_in()


# ---------------------------------------------------------------- deep links


def test_a_fresh_process_shows_a_signed_out_visitor_nothing_whatever_the_address(alice, rita, make_app, context):
    fresh = make_app()

    for path in (f"lead?id={rita}", *PAGES, f"?as={alice.user_id}", "leads?q=rita&owner=Me"):
        page = SignInPage(context.new_page(), fresh).open(path)
        page.is_asked_to_sign_in()
        assert "Rita" not in page.page.content()


def test_who_was_sent_a_link_gets_to_it_once_they_have_signed_in(session, alice, rita, tab):
    page = tab(f"lead?id={rita}&from=queue")
    page.is_asked_to_sign_in()

    page.sign_in("alice")

    expect(page.page.get_by_role("heading", name="Rita Ready")).to_be_visible()
    assert page.page.url == f"{page.app.url}/lead?id={rita}&from=queue"


# ---------------------------------------------------------------- while a tab is open


def test_who_is_deactivated_can_neither_see_nor_write_any_more(session, alice, rita, tab):
    page = tab().sign_in("alice")
    desk_of(page).shows("Rita Ready")
    change(session, alice, is_active=False)

    desk_of(page).pick("Rita Ready", "status", "Qual")

    page.is_refused("You have no access to Lead Desk. Ask your manager to add you.")
    assert row(session, rita).status == "enriched"
    assert events(session, rita) == []


def test_a_page_left_alone_is_taken_away_too(session, alice, rita, tab):
    page = tab().sign_in("alice")
    desk_of(page).shows("Rita Ready")

    change(session, alice, is_active=False)

    # Without a click: the list asks for itself every twenty seconds.
    expect(page.page.get_by_role("heading", name="No access")).to_be_visible(timeout=40_000)
    page.shows_nothing()


def test_a_role_takes_effect_in_a_tab_that_is_open(session, alice, rita, tab):
    page = tab().sign_in("alice")
    desk_of(page).shows("Rita Ready")
    workload = page.page.locator("[data-testid=stTopNavLink]", has_text="Workload")
    expect(workload).to_have_count(0)

    change(session, alice, role="manager")
    page.page.locator("[data-testid=stTopNavLink]", has_text="All leads").click()

    workload.click()
    expect(page.page.get_by_role("heading", name="Workload")).to_be_visible()

    change(session, alice, role="rep")
    page.page.get_by_role("button", name="Refresh").click()
    expect(page.page.get_by_text("Only a manager can see the workload of the team.")).to_be_visible()


def test_a_sign_in_ends_with_the_token(session, alice, rita, brief, tab):
    brief.knows("alice", email=address(session, alice), email_verified=True)
    page = tab().sign_in("alice", "Sign in with Brief")
    desk_of(page).shows("Rita Ready")
    page.page.wait_for_timeout(TOKEN_SECONDS * 1000)

    desk_of(page).pick("Rita Ready", "status", "Qual")

    page.is_asked_to_sign_in("Your sign-in has ended. Sign in again to go on.")
    assert row(session, rita).status == "enriched"
    # The cookie is there for a month, and opens nothing.
    tab().is_asked_to_sign_in("Your sign-in has ended. Sign in again to go on.")


# ---------------------------------------------------------------- going out


def test_signing_out_ends_the_other_tabs_and_browsers_as_well(session, alice, rita, app, browser, tab):
    page, other = tab().sign_in("alice"), tab()
    elsewhere = browser.new_context()
    try:
        phone = SignInPage(elsewhere.new_page(), app).open().sign_in("alice")
        for each in (other, phone):
            desk_of(each).shows("Rita Ready")

        page.page.bring_to_front()
        page.sign_out()

        page.is_asked_to_sign_in()
        other.page.bring_to_front()
        desk_of(other).pick("Rita Ready", "status", "Qual")
        other.is_asked_to_sign_in("You have signed out. Sign in again to go on.")
        desk_of(phone).show("ready")
        phone.is_asked_to_sign_in("You have signed out. Sign in again to go on.")
        assert row(session, rita).status == "enriched"

        page.page.bring_to_front()
        desk_of(page.sign_in("alice")).shows("Rita Ready")
    finally:
        elsewhere.close()


# ---------------------------------------------------------------- a proxy's word


def test_the_proxys_word_is_believed_and_nobody_elses(session, alice, rita, make_app, context: BrowserContext):
    behind = make_app(TRUSTED_PROXY="127.0.0.9", FORWARDED_ALLOW_IPS="",
                      STREAMLIT_SERVER_TRUSTED_USER_HEADERS='{"X-Auth-Request-Email": "email"}')
    email = address(session, alice)
    proxies = [Proxy(behind.port, source, **headers) for source, headers in (
        ("127.0.0.9", {"X_Auth_Request_Email": email.upper(), "X_Forwarded_For": "203.0.113.7"}),
        ("127.0.0.1", {"X_Auth_Request_Email": email}),
        ("127.0.0.1", {"X_Auth_Request_Email": email, "X_Forwarded_For": "127.0.0.9"}),
        ("127.0.0.9", {}))]
    try:
        pages = [SignInPage(context.new_page(), behind) for _ in proxies]
        for page, proxy in zip(pages, proxies, strict=True):
            page.page.goto(proxy.url)
            page.settled()

        pages[0].page.bring_to_front()
        desk_of(pages[0]).shows("Rita Ready")
        pages[0].menu().click()
        expect(pages[0].page.get_by_text("Rep · Acme Outbound")).to_be_visible()
        # The way out is the proxy's.
        expect(pages[0].page.get_by_role("button", name="Sign out")).to_have_count(0)
        for page in pages[1:]:
            expect(page.page.get_by_text("Lead Desk is reached through your company's sign-in page")).to_be_visible()
            page.shows_nothing()
    finally:
        for proxy in proxies:
            proxy.stop()
