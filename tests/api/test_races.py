"""Many calls at the same moment, through two processes that know nothing of each other, as behind a load balancer."""

import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from httpx2 import Response
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from lib import tokens
from lib.config import Settings
from lib.models import Lead
from tests.api.served import Served
from tests.browser.app import App
from tests.factories import Cast, attempts, events, make_lead, row

# Long enough for a busy machine, and never waited out by a test that passes.
PATIENCE = 60


@dataclass
class Doors:
    """The same API behind several processes: each call goes to the next one."""

    urls: Sequence[str]
    token: str
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(
        timeout=PATIENCE, limits=httpx2.Limits(max_connections=None)))

    def __post_init__(self) -> None:
        self.next = itertools.cycle(self.urls)

    def post(self, path: str, json: Any = None, *, key: str | None = None, **more: Any) -> Response:
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key} if key else {})
        given = {"json": json} if json is not None else {}
        return self.client.post(next(self.next) + path, headers=headers | more.pop("headers", {}), **given, **more)

    def get(self, path: str) -> Response:
        return self.client.get(next(self.next) + path, headers={"Authorization": f"Bearer {self.token}"})


@pytest.fixture(scope="module")
def served(server: str, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Served]]:
    log = tmp_path_factory.mktemp("races") / "log"
    # The limit of calls has tests of its own.
    with Served(server, log, API_CALLS_PER_SECOND="100000") as one, \
            Served(server, log, API_CALLS_PER_SECOND="100000") as other:
        yield [one, other]


@pytest.fixture
def token(engine: Engine, committed_cast: Cast) -> str:
    return token_of(engine, committed_cast.tess)


def token_of(engine: Engine, actor: Any) -> str:
    with Session(engine) as session:
        _, token = tokens.create(session, actor, user_id=actor.user_id, name="N8N", now=datetime.now(UTC))
        session.commit()
    return token


@pytest.fixture
def doors(served: list[Served], token: str) -> Iterator[Doors]:
    doors = Doors([each.url for each in served], token)
    yield doors
    doors.client.close()


@pytest.fixture
def seen(engine: Engine) -> Iterator[Session]:
    """Each statement sees what the processes have committed by then."""
    with Session(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        yield session


def at_once(acts: Sequence[Callable[[], Response]]) -> list[Response]:
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Response]) -> Response:
        start.wait(PATIENCE)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts, timeout=PATIENCE))


def leads_of(seen: Session, actor: Any) -> int:
    return seen.scalar(select(func.count()).select_from(Lead).where(Lead.company_id == actor.company_id))


# ---------------------------------------------------------------- the same lead


@pytest.mark.parametrize("spellings", [
    ["ada@example.com", " ADA@example.com"],
    ["https://www.linkedin.com/in/ada", "linkedin.com/in/ada/", "http://de.linkedin.com/in/Ada?trk=x"]])
def test_a_lead_that_arrives_thirty_times_at_once_is_one_lead(seen, committed_cast, doors, spellings):
    field = "email" if "@" in spellings[0] else "linkedin_url"
    bodies = [{"first_name": "Ada", field: spellings[number % len(spellings)]} for number in range(30)]

    answers = at_once([lambda body=body: doors.post("/leads", body) for body in bodies])

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 29}
    lead_id, = {answer.json()["id"] for answer in answers}
    assert leads_of(seen, committed_cast.tess) == 1 and len(events(seen, uuid.UUID(lead_id))) == 1


def test_a_retry_storm_has_one_effect_and_one_answer(seen, committed_cast, doors):
    lead_id = make_lead(seen, committed_cast.tess)
    said = {"method": "call", "notes": "Talked about prices."}

    answers = at_once([lambda: doors.post(f"/leads/{lead_id}/contact", said, key="the same")] * 50)

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sorted(answer.headers.get("idempotent-replayed", "") for answer in answers) == [""] + ["true"] * 49
    assert row(seen, lead_id).contact_count == 1
    assert len(attempts(seen, lead_id)) == len(events(seen, lead_id)) == 1


def test_contacts_without_a_key_all_count(seen, committed_cast, doors):
    lead_id = make_lead(seen, committed_cast.tess)

    answers = at_once([lambda: doors.post(f"/leads/{lead_id}/contact", {"method": "call"})] * 30)

    assert sorted(answer.json()["contact_count"] for answer in answers) == list(range(1, 31))
    assert row(seen, lead_id).contact_count == len(attempts(seen, lead_id)) == 30


# ---------------------------------------------------------------- turns


def test_thirty_assignments_at_once_are_fair_and_give_each_lead_once(seen, committed_cast, doors):
    lead_ids = [make_lead(seen, committed_cast.tess) for _ in range(30)]

    answers = at_once([lambda id_=id_: doors.post(f"/leads/{id_}/auto-assign") for id_ in lead_ids])

    assert {answer.status_code for answer in answers} == {200}
    owners = Counter(row(seen, lead_id).assigned_to_user_id for lead_id in lead_ids)
    assert owners == {committed_cast.alice.user_id: 15, committed_cast.bob.user_id: 15}
    assert [len(events(seen, lead_id)) for lead_id in lead_ids] == [1] * 30


def test_one_lead_assigned_thirty_times_at_once_has_one_owner(seen, committed_cast, doors):
    lead_id = make_lead(seen, committed_cast.tess)

    answers = at_once([lambda: doors.post(f"/leads/{lead_id}/auto-assign")] * 30)

    owner, = {(answer.status_code, answer.json()["assigned_to_user_id"]) for answer in answers}
    assert owner == (200, str(row(seen, lead_id).assigned_to_user_id)) and len(events(seen, lead_id)) == 1


# ---------------------------------------------------------------- batches


def rows_of(numbers: Sequence[int], **more: Any) -> dict[str, Any]:
    return {"leads": [{"last_name": f"Lead {number}", "email": f"lead{number}@example.com", **more}
                      for number in numbers]}


def test_two_batches_of_the_same_leads_in_opposite_order_add_each_once(seen, committed_cast, doors):
    there, back = rows_of(range(200)), rows_of(range(199, -1, -1))

    answers = at_once([lambda body=body: doors.post("/leads/batch", body) for body in (there, back) * 3])

    counts = [answer.json()["counts"] for answer in answers]
    assert sorted(each.get("created", 0) for each in counts) == [0, 0, 0, 0, 0, 200]
    assert leads_of(seen, committed_cast.tess) == 200


def test_batches_and_single_calls_that_change_the_same_leads_do_not_block_each_other(seen, committed_cast, doors):
    lead_ids = [make_lead(seen, committed_cast.tess, email=f"lead{number}@example.com") for number in range(100)]
    there, back = rows_of(range(100), score=1), rows_of(range(99, -1, -1), score=2)
    batches = [lambda body=body: doors.post("/leads/batch?on_duplicate=update", body) for body in (there, back) * 3]
    singles = [lambda id_=id_: doors.post(f"/leads/{id_}", {"score": 3}) for id_ in lead_ids[:20]]

    answers = at_once([*batches, *singles])

    assert {answer.status_code for answer in answers} == {200}
    assert all("refused" not in answer.json()["counts"] for answer in answers[:6])
    assert {row(seen, lead_id).score for lead_id in lead_ids} <= {1, 2, 3}


def test_ten_thousand_leads_are_ten_thousand_leads_and_again_nothing(seen, committed_cast, doors):
    def push() -> Counter:
        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(lambda start: doors.post("/leads/batch", rows_of(range(start, start + 500))),
                               range(0, 10_000, 500))
            return sum((Counter(answer.json()["counts"]) for answer in answers), Counter())

    def everything() -> Any:
        return seen.execute(text("""
            SELECT count(*), md5(string_agg(leads::text, '' ORDER BY id)), (SELECT count(*) FROM lead_events
            WHERE company_id = :company) FROM leads WHERE company_id = :company"""),
            {"company": committed_cast.tess.company_id}).one()

    assert push() == {"created": 10_000}
    before = everything()
    assert before[0] == before[2] == 10_000
    assert push() == {"existing": 10_000}
    assert everything() == before


# ---------------------------------------------------------------- load


# On a team's own database the app starts only where people can sign in.
BEHIND_A_PROXY = {"TRUSTED_PROXY": "192.0.2.1", "FORWARDED_ALLOW_IPS": "",
                  "STREAMLIT_SERVER_TRUSTED_USER_HEADERS": '{"X-Auth-Request-Email": "email"}'}


@pytest.fixture
def whole_app(server: str, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    app = App(tmp_path_factory.mktemp("app"), DATABASE_URL=server, **BEHIND_A_PROXY)
    app.start()
    yield app
    app.stop()


def test_calls_that_wait_for_each_other_hold_up_nobody_else(engine, seen, committed_cast, token, whole_app):
    """All workers of the API wait for one lock: pages, their files and both health calls are answered meanwhile."""
    lead_id = make_lead(seen, committed_cast.tess)
    with Session(engine) as holder:
        holder.execute(select(Lead.id).where(Lead.id == lead_id).with_for_update())
        doors = Doors([f"{whole_app.url}/api"], token)
        with ThreadPoolExecutor(20) as pool, httpx2.Client(timeout=10) as client:
            waiting = [pool.submit(doors.post, f"/leads/{lead_id}", {"score": number}) for number in range(20)]
            until_waiting(seen, Settings.api_workers)

            for path in ("/api/health/live", "/api/health", "/_stcore/health", "/", "/api/docs"):
                assert client.get(f"{whole_app.url}{path}").status_code == 200, path
            assert not any(each.done() for each in waiting)

            holder.commit()
            assert {each.result(PATIENCE).status_code for each in waiting} == {200}
    doors.client.close()


def until_waiting(seen: Session, at_least: int) -> None:
    for _ in range(PATIENCE * 100):
        if seen.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) >= at_least:
            return
        time.sleep(0.01)
    raise AssertionError("not so many waited")


# ---------------------------------------------------------------- limits


def in_pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // 100_000):
        yield b" " * 100_000
    yield b" " * (size % 100_000)


@pytest.mark.parametrize(("path", "most", "body"), [
    ("/leads", 1_000_000, b'{"last_name": "Hopper"}'), ("/leads/batch", 10_000_000, b'{"leads": [{"last_name": "Hopper"}]}')])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_is_read_up_to_its_limit_and_no_further(seen, committed_cast, doors, path, most, body, is_chunked):
    def send(size: int) -> Response:
        pieces = itertools.chain([body], in_pieces(size - len(body)))
        content = pieces if is_chunked else b"".join(pieces)
        return doors.post(path, headers={"Content-Type": "application/json"}, content=content)

    too_large = send(most + 1)

    assert (too_large.status_code, too_large.json()["error"]["code"]) == (413, "too_large")
    assert leads_of(seen, committed_cast.tess) == 0
    assert send(most).is_success and leads_of(seen, committed_cast.tess) == 1


def test_a_hundred_calls_at_once_are_let_in_and_what_is_beyond_is_told_when_to_come_back(
        server, engine, committed_cast, token, tmp_path):
    # One call a second, so that next to nothing comes back while the test runs, however slowly it does.
    with Served(server, tmp_path / "log", API_CALLS_PER_SECOND="1") as process:
        doors = Doors([process.url], token)
        assert {answer.status_code for answer in at_once([lambda: doors.get("/metrics")] * 100)} == {200}

        answers = at_once([lambda: doors.get("/metrics")] * 200)

        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {200, 429} and len(refused) >= 50
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert {answer.json()["error"]["code"] for answer in refused} == {"too_many_requests"}
        # Another token has a bucket of its own.
        other = Doors([process.url], token_of(engine, committed_cast.mona), doors.client)
        assert other.get("/metrics").status_code == 200
        doors.client.close()
