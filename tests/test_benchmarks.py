"""The benchmark: what its figures mean, and that every part of it that needs no browser still runs, on a few leads."""

import json
import math
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import text
from sqlalchemy.orm import Session

import benchmarks.__main__ as command
from benchmarks import crowds, desks, functions, growth, load, operations, writers
from benchmarks.desks import Desk
from benchmarks.figures import Check, Result, Section, p95, plain, share, table, verdicts

FEW, MORE = 400, 800


@pytest.fixture(scope="module")
def opened(server, tmp_path_factory) -> Iterator[dict[int, Desk]]:
    """The benchmark's own data in two databases, by how many leads they have."""
    with ExitStack() as stack:
        found = {}
        for leads in (FEW, MORE):
            name = f"benchmark_{uuid.uuid4().hex}"
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            conninfo = make_conninfo(server, dbname=name)
            load.prepare(conninfo, leads)
            found[leads] = stack.enter_context(desks.connected(conninfo, leads, tmp_path_factory.mktemp(name), 0))
        yield found


@pytest.fixture
def desk(opened):
    opened[MORE].use()
    return opened[MORE]


# ---------------------------------------------------------------- figures


def test_a_ratio_is_that_of_the_medians():
    result = Result("find", [1.0, 3.0, 90.0], [1.0, 2.0, 80.0])

    assert result.ratio == 1.5


@pytest.mark.parametrize(("call", "floor", "is_at_aim"), [(1.7, 1.0, True), (1.71, 1.0, False), (0.3, 0.1, True),
                                                         (150.2, 100, True), (151, 100, False)])
def test_a_function_may_cost_half_as_much_again_and_a_fifth_of_a_millisecond(call, floor, is_at_aim):
    assert Result("find", [call] * 3, [floor] * 3).at_aim is is_at_aim
    assert Result("find", [call] * 3, [floor] * 3).p95_at_aim is is_at_aim


def test_p95_is_between_the_worst_and_the_rest():
    assert p95([*range(1, 101)]) == pytest.approx(95.05)
    assert p95([7.0]) == 7.0


def test_growth_is_the_largest_beside_the_smallest_whatever_is_between():
    assert growth.growth({1_000_000: 6.0, 10_000: 2.0, 100_000: 9.0}) == 3.0


def test_a_share_of_nothing_is_no_number():
    assert share([True, False, True, True]) == 0.75
    assert math.isnan(share([]))


@pytest.mark.parametrize(("check", "is_met"), [
    (Check("load", 1.15, 1.15), True), (Check("load", 1.16, 1.15), False), (Check("load", None, 1.15), None),
    (Check("rate", 0.35, 0.35, at_least=True), True), (Check("rate", 0.34, 0.35, at_least=True), False),
    (Check("rate", float("nan"), 1, at_least=True), False)])
def test_a_figure_is_met_at_its_aim_and_not_beyond_it(check, is_met):
    assert check.is_met is is_met


def test_a_figure_that_was_not_measured_is_not_told_as_met():
    told = verdicts([Check("load", None, 1.15), Check("memory", 210.4, 200, "MB")])

    assert told.splitlines()[2:] == ["| load | at most 1.15 | – | not measured |",
                                     "| memory | at most 200 MB | 210 MB | **no** |"]


def test_numbers_are_told_with_the_digits_that_count():
    assert [plain(each) for each in (0.1234, 12.34, 1234.5, 12_345)] == ["0.12", "12.3", "1,234", "12,345"]


def test_words_stand_left_and_figures_right():
    assert table(["list", "ms"], [["mine", 1.0]]) == "| list | ms |\n| --- | ---: |\n| mine | 1.00 |"


def test_the_report_begins_with_every_figure_beside_its_aim():
    sections = [Section("Pages", ["| a table |"], [Check("load", 1.1, 1.15)]),
                Section("Start", ["| another |"], [Check("memory", 300, 200, "MB")])]

    told = command.report(sections, command.Options())

    assert "1 of 2 figures at their aims" in told
    assert told.index("| memory |") < told.index("## Pages") < told.index("| a table |") < told.index("## Start")


# ---------------------------------------------------------------- turns


def test_acts_take_turns_and_their_warming_up_is_not_counted():
    log = []

    def act(name):
        return lambda: log.append(name) or float(len(log))

    times = operations.in_turns({"call": act("call"), "floor": act("floor")}, repeats=4, warm_up=2)

    assert log == ["floor", "call", "call", "floor"] * 3
    assert times == {"call": [6.0, 7.0, 10.0, 11.0], "floor": [5.0, 8.0, 9.0, 12.0]}


def test_what_is_slow_is_not_repeated_for_minutes():
    taken = []
    times = operations.in_turns({"call": lambda: taken.append(1) or 900.0}, repeats=200)

    assert len(taken) == 4 and times == {"call": [900.0] * 3}


# ---------------------------------------------------------------- running


def test_the_same_number_of_leads_is_always_the_same_leads(opened):
    with psycopg.connect(opened[FEW].conninfo) as connection:
        held = connection.execute("SELECT count(*), count(DISTINCT email), min(id::text) FROM leads").fetchone()
        load.prepare(opened[FEW].conninfo, FEW)
        assert connection.execute("SELECT count(*), count(DISTINCT email), min(id::text) FROM leads").fetchone() == held
    assert held[0] == FEW


def test_loading_leaves_the_indexes_and_references_that_migrations_make(opened, engine):
    def made(connection):
        return [connection.execute(text(statement)).all() for statement in (
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2")]

    with engine.connect() as migrated, opened[FEW].engine.connect() as loaded:
        assert made(loaded) == made(migrated)


def test_what_is_loaded_is_counted(desk):
    with Session(desk.engine) as session:
        assert writers.counts_are_exact(session)


def test_every_function_is_measured_beside_its_floor(desk):
    # That each side changes what it is to change is checked by the floors themselves.
    section = functions.section(desk, repeats=2)

    assert set(section.data) >= {"numbers, largest rep", "page mine", "search, none", "workload", "edit a status", "create"}
    assert all(len(each["call"]) == len(each["floor"]) >= 2 for each in section.data.values())
    with psycopg.connect(desk.conninfo) as connection:
        assert connection.execute("SELECT count(*) FROM leads").fetchone()[0] == desk.leads


def test_every_public_function_is_measured_or_left_out_for_a_reason(desk):
    with desks.at_work(desk) as setting:
        measured = {operation.function for operation in functions.operations(setting)}
    left_out = [name for names in functions.LEFT_OUT.values() for name in names]

    # The one that is asked before there is an actor.
    assert measured | set(left_out) == functions.public() | {"users.sign_in"}
    assert measured.isdisjoint(left_out) and len(left_out) == len(set(left_out))


def test_a_word_picks_the_operations(desk):
    assert set(functions.section(desk, only="tag", repeats=1).data) == {
        "all leads, a tag", "all leads, no such tag", "all that match a tag", "tags", "tag 50"}


def test_growth_is_measured_at_each_size(opened):
    section = growth.section([opened[FEW], opened[MORE]], repeats=2, in_a_browser=False)

    assert set(section.data["workload"]) == {str(FEW), str(MORE)}
    assert {check.figure for check in section.checks} >= {
        f"edit a status: {MORE} / {FEW} leads", f"search of surnames at {MORE} leads, p95"}


def test_eight_write_and_what_is_kept_is_exact(desk):
    section = writers.section(desk, seconds=0.2, rounds=1, reading_seconds=0.5)

    [deadlocks] = [check for check in section.checks if "deadlocks" in check.figure]
    [exact] = [check for check in section.checks if "exact" in check.figure]
    assert deadlocks.is_met and exact.is_met
    assert all(rate > 0 for [rate] in section.data["rates"].values())


def test_a_lost_count_is_noticed(desk):
    with Session(desk.engine) as session:
        session.execute(text("UPDATE follow_up_counts SET n = n + 1 WHERE ctid = (SELECT ctid FROM follow_up_counts LIMIT 1)"))
        assert not writers.counts_are_exact(session)
        session.rollback()


def test_statements_are_read_from_the_servers_log(tmp_path):
    log = tmp_path / "postgres.log"
    log.write_text("LOG:  statement: SELECT before\n")
    began = log.stat().st_size
    with log.open("a") as file:
        file.write("2026 UTC [7] LOG:  statement: BEGIN\n2026 UTC [7] LOG:  execute <unnamed>: SELECT a\n"
                   "\t, b\n2026 UTC [7] LOG:  execute _pg3_4: SELECT c\nDETAIL:  Parameters: $1 = 'x'\n"
                   "2026 UTC [7] LOG:  statement: COMMIT\n2026 UTC [7] LOG:  statement: ;\n")

    assert crowds.statements(log, began) == 2


def test_one_command_prints_the_report_and_writes_every_time_down(opened, monkeypatch, capsys, tmp_path):
    desk = opened[FEW]
    desk.use()
    monkeypatch.setattr(command.Options, "desk", lambda options, leads=None: desks.connected(
        desk.conninfo, FEW, desk.folder, 0))

    command.main(["--quick", "--only", "writers", "--minutes", "0.005", "--json", str(tmp_path / "all.json")])

    told = capsys.readouterr()
    assert "| figure | aim | here | met |" in told.out and "## Eight who write in one company" in told.out
    assert re.search(r"\d\d:\d\d:\d\d  eight write", told.err)
    assert json.loads((tmp_path / "all.json").read_text())["Eight who write in one company"]["deadlocks"] == 0


def test_a_part_that_fails_is_told_and_takes_no_other_figures_with_it(opened, monkeypatch, capsys):
    desk = opened[FEW]
    desk.use()
    monkeypatch.setattr(command.Options, "desk", lambda options, leads=None: desks.connected(
        desk.conninfo, FEW, desk.folder, 0))

    def no_browser(*_):
        raise OSError("no browser")
    monkeypatch.setattr(command, "PARTS", {"pages": no_browser, "writers": lambda *_: Section("Writers")})

    with pytest.raises(SystemExit, match="1"):
        command.main([])

    told = capsys.readouterr()
    assert "## pages: not measured\n\nIt ended with OSError" in told.out and "## Writers" in told.out
    assert "no browser" in told.err
