import io
import json
import logging
import sys
import threading
import time
import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from lib import db, leads, logs, startup
from lib.ui import desk as desks
from lib.ui import jobs
from lib.ui.desk import Desk
from tests.asgi import answering, call
from tests.factories import make_lead, row

log = logging.getLogger("lib.something")


@pytest.fixture(autouse=True)
def as_before():
    """Whatever these tests switch over is switched back."""
    known = {name: logging.getLogger(name) for name in ("streamlit.error_util", "uvicorn.error", "uvicorn.access",
                                                        "websockets")}
    root = logging.root
    before = root.handlers[:], root.level
    others = {name: (each.handlers[:], each.propagate, each.level) for name, each in known.items()}
    # What an earlier test was about is none of these tests' business either.
    logs._request_id.set(None)
    logs._actor.set(None)
    yield
    root.handlers[:], root.level = before
    logging.captureWarnings(False)
    for name, each in known.items():
        each.handlers[:], each.propagate, each.level = others[name]
    logs._request_id.set(None)
    logs._actor.set(None)


@pytest.fixture
def written(monkeypatch):
    """Starts the log in the given form; what was written since is read as objects, or as text."""
    def start(form: str = "json", level: str = "INFO"):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        logs.start(form, level)
        return lambda: [json.loads(line) for line in stream.getvalue().splitlines()] if form == "json" else (
            stream.getvalue())
    return start


def test_a_line_is_one_json_object_with_the_time_in_utc(written):
    lines = written()

    log.warning("Said %s\nin two lines", "something")

    line, = lines()
    assert (line["level"], line["logger"]) == ("WARNING", "lib.something")
    assert line["message"] == "Said something\nin two lines"
    assert line["time"].endswith("Z") and "T" in line["time"]
    assert set(line) == {"time", "level", "logger", "message"}


def test_a_line_names_the_request_and_the_person_by_their_ids(written):
    lines, user, company = written(), uuid.uuid4(), uuid.uuid4()

    chosen = logs.begin()
    log.info("Before it is known who that is")
    logs.acting(user, company)
    log.info("Afterwards")
    logs.begin()
    log.info("The next one")

    before, after, following = lines()
    assert before["request_id"] == after["request_id"] == chosen != following["request_id"]
    assert "actor_id" not in before and "actor_id" not in following
    assert (after["actor_id"], after["company_id"]) == (str(user), str(company))


def test_threads_do_not_share_a_request(written):
    written()
    logs.begin("mine-12345")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(logs._request_id.get()))
    thread.start()
    thread.join()

    assert seen == [None]


def test_whoever_reads_a_page_or_writes_is_named_from_then_on(written, session, cast):
    lines = written()
    desk = Desk()
    lead = make_lead(session, cast.alice, owner=cast.alice)

    def work(session, actor):
        log.info("Working")
        return leads.assign(session, actor, [lead], to=None)

    desks.run(desk, cast.alice.user_id, work, lambda outcome: "Done.")

    assert row(session, lead).assigned_to_user_id is None
    line, = lines()
    assert (line["actor_id"], line["company_id"]) == (str(cast.alice.user_id), str(cast.alice.company_id))
    assert line["request_id"]


# ---------------------------------------------------------------- what is not told


@pytest.mark.parametrize("secret", ["rita.ready@example.com", "Bearer abc.def-123", "ldk_0123456789abcdef",
                                    "postgresql://lead:hunter2@db/desk", "postgresql://lead:a@b@db/desk"])
def test_addresses_tokens_and_passwords_are_left_out_of_whatever_is_said(written, secret):
    lines = written()

    log.warning("Somebody said %s, and that was it", secret)

    said = lines()[0]["message"]
    assert said.startswith("Somebody said ") and said.endswith("and that was it")
    for part in ("rita", "abc", "0123456789", "hunter2", "a@b", "example"):
        assert part not in said


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_is_told_by_its_type_and_place_and_never_by_its_text(written, form, session, cast):
    read = written(form)
    make_lead(session, cast.alice, email="rita.ready@example.com", last_name="Ready")

    with pytest.raises(IntegrityError) as caught, session.begin_nested():
        make_lead(session, cast.alice, email="rita.ready@example.com", last_name="Steady")
    assert "rita.ready@example.com" in str(caught.value), "the database quotes the row, or this shows nothing"
    number = logs.report(log, caught.value, "a page")

    said = json.dumps(read())
    assert number in said and "IntegrityError" in said and "UniqueViolation" in said and "23505" in said
    assert "test_logs.py" in said and "make_lead" in said
    for part in ("rita", "Steady", "Ready", "example.com", "INSERT"):
        assert part not in said


def test_an_error_is_told_with_what_led_to_it_and_its_number(written):
    lines = written()
    try:
        try:
            {}["Rita Ready"]
        except KeyError as error:
            raise ValueError("Rita Ready is missing") from error
    except ValueError as error:
        number = logs.report(log, error, "a page")

    line, = lines()
    assert line["error_id"] == number and number in line["message"]
    assert [each["type"] for each in line["errors"]] == ["builtins.ValueError", "builtins.KeyError"]
    assert "Rita" not in json.dumps(line)


def test_statements_do_not_carry_what_they_write_into_an_error(engine):
    with pytest.raises(IntegrityError) as caught, engine.connect() as connection:
        connection.execute(text("INSERT INTO companies (id, name) VALUES (:id, :name)"), {"id": None, "name": "Acme"})

    assert "parameters hidden" in str(caught.value) and "{'id'" not in str(caught.value)


def test_a_job_that_fails_tells_the_number_that_is_in_the_log(written, session, cast):
    lines, desk = written(), Desk()
    lead = make_lead(session, cast.alice, owner=cast.alice, last_name="Ready")

    def fails(session, actor, progress):
        raise RuntimeError("Rita Ready <rita@example.com>")

    jobs.start(desk, cast.alice.user_id, "Assigning", 1, fails, lambda outcome: "Done.")
    desk.job.thread.join(60)

    line, = lines()
    assert line["errors"][0]["type"] == "builtins.RuntimeError" and line["actor_id"] == str(cast.alice.user_id)
    assert desk.outbox[-1].text.endswith(f"the number {line['error_id']}.")
    assert "Rita" not in json.dumps(line) and row(session, lead).last_name == "Ready"


def test_who_is_refused_something_is_in_the_log_with_the_code(written, session, cast):
    lines, desk = written(), Desk()
    theirs = make_lead(session, cast.bob, owner=cast.bob)

    desks.change_cell(desk, cast.alice.user_id, theirs, "score", seen=None, value=7, lead="Rita Ready")
    desks.change_cell(desk, cast.olga.user_id, theirs, "score", seen=None, value=7, lead="Rita Ready")
    desks.change_cell(desk, cast.lea.user_id, theirs, "score", seen=None, value=7, lead="Rita Ready")

    assert [notice.done for notice in desk.outbox] == [False] * 3 and row(session, theirs).score is None
    assert [(line["code"], line.get("actor_id")) for line in lines()] == [
        ("not_allowed", str(cast.alice.user_id)), ("not_found", str(cast.olga.user_id)),
        ("no_access", None)]
    assert "Rita" not in json.dumps(lines())


@pytest.mark.parametrize("long", ["a" * 200_000, "://" * 60_000])
def test_a_long_line_is_looked_through_at_once(written, long):
    lines, began = written(), time.monotonic()

    log.warning("%s rita@example.com", long)

    assert time.monotonic() - began < 10
    assert lines()[0]["message"] == f"{long} [address]"


# ---------------------------------------------------------------- servers and libraries


def test_the_loggers_of_the_servers_write_the_same_lines(written):
    for name in ("streamlit.runtime", "uvicorn.error"):
        logging.getLogger(name).addHandler(logging.StreamHandler(io.StringIO()))
        logging.getLogger(name).propagate = False
    lines = written()

    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    late = logging.getLogger(f"streamlit.late_{uuid.uuid4().hex}")
    late.propagate = False
    logs.begin()
    late.warning("Made after the start")

    assert [line["message"] for line in lines()] == ["Invalid HTTP request received.", "Made after the start"]


def test_the_addresses_of_pages_are_not_logged(written):
    lines = written(level="DEBUG")

    logging.getLogger("uvicorn.access").info('127.0.0.1 - "GET /leads?q=rita HTTP/1.1" 200')

    assert lines() == []


def test_an_error_that_stops_a_page_is_logged_once(written):
    lines = written()

    logging.getLogger("streamlit.error_util").error("Uncaught app execution", exc_info=ValueError("Rita"))

    assert lines() == []


def test_looking_whether_it_is_ready_says_nothing(written, connection):
    lines = written(level="DEBUG")

    assert startup._why_not_ready() is None

    assert lines() == []


def test_it_says_no_more_than_it_is_asked_to(written):
    lines = written(level="ERROR")

    log.warning("not this")
    log.error("but this")

    assert [line["message"] for line in lines()] == ["but this"]


# ---------------------------------------------------------------- the id of a call


@pytest.mark.parametrize("given", ["0123abcd", "n8n-run_42.7", "A" * 64])
def test_a_call_keeps_the_id_that_it_brings(given):
    assert call(logs.RequestIds(answering()), headers=[("x-request-id", given)]).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["short", "A" * 65, "with space", "new\nline12", "<script>alert", "été-1234", ""])
def test_a_call_gets_another_id_for_one_of_an_unsafe_shape(given):
    answer = call(logs.RequestIds(answering()), headers=[("x-request-id", given)])

    assert logs.REQUEST_ID.fullmatch(answer.headers["x-request-id"].encode())
    assert answer.headers["x-request-id"] != given


def test_a_call_without_an_id_gets_one_of_its_own_each_time():
    app = logs.RequestIds(answering())

    assert call(app).headers["x-request-id"] != call(app).headers["x-request-id"]


def test_what_is_logged_during_a_call_has_its_id(written):
    lines = written()

    async def app(scope, receive, send):
        log.info("Inside")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    call(logs.RequestIds(app), headers=[("x-request-id", "given-1234")])

    assert lines()[0]["request_id"] == "given-1234"


def test_a_transaction_that_fails_says_nothing_of_what_it_would_have_written(written, connection):
    lines = written("json", "DEBUG")

    with pytest.raises(IntegrityError), db.transaction() as session:
        session.execute(text("INSERT INTO companies (id, name) VALUES (NULL, 'Acme of Rita')"))

    assert "Rita" not in json.dumps(lines())
