"""What speed rests on and needs no clock to hold: how often a page asks the database, and what a start loads."""

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC
from types import SimpleNamespace

import pytest

from benchmarks.plans import recorded
from lib.config import ROOT
from lib.orders import ORDERS
from lib.ui import frame
from tests.factories import make_lead

# What the shell and the page import, once what is loaded ahead is there; the page itself would want a visitor.
FIRST_VISIT = """
import ast, json, sys
from pathlib import Path
import app
from lib.ui import ahead
ahead.load().join()
loaded = set(sys.modules)
for file in ("lib/shell.py", "pages/my_queue.py"):
    body = ast.parse(Path(file).read_text("utf-8")).body
    imports = [each for each in body if isinstance(each, (ast.Import, ast.ImportFrom))]
    exec(compile(ast.Module(imports, []), file, "exec"))
print(json.dumps([sorted(set(sys.modules) - loaded), sorted(loaded)]))
"""


def asked(sent):
    """What was asked, without what only opens and ends transactions."""
    return [statement for statement, *_ in sent
            if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT"))]


@pytest.mark.parametrize(("page", "most"), [(None, 4), ("all_leads.py", 4), ("lead.py", 6)])
def test_a_page_that_is_drawn_again_asks_the_database_a_few_times(connection, session, cast, open_page, page, most):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    query = {"id": str(lead_id)} if page == "lead.py" else {}
    app = open_page(cast.alice, page, **query)

    with recorded(connection) as sent:
        app.run()

    assert not app.exception and 1 <= len(asked(sent)) <= most, "\n\n".join(asked(sent))


def test_a_page_makes_the_grids_frame_once(session, cast, open_page, monkeypatch):
    make_lead(session, cast.alice, owner=cast.alice, score=10)
    made = []
    monkeypatch.setattr(frame, "make", lambda *given, make=frame.make: made.append(make(*given)) or made[-1])

    app = open_page(cast.alice)
    made.clear()
    app.run()
    assert [list(each["score"]) for each in made] == [[10]] and not app.exception


def test_the_grids_columns_keep_their_kinds_without_any_row():
    row = SimpleNamespace(
        id=uuid.uuid4(), first_name="Ada", last_name="Lovelace", email=None, job_title=None, company=None, status="new",
        assigned_to_user_id=None, last_contacted_at=None, last_contact_method=None, contact_count=0, score=None, tags=None)

    drawn, empty = frame.make(set(), [row], UTC), frame.make(set(), [], UTC)

    assert list(drawn.dtypes) == list(empty.dtypes)
    assert {str(kind) for kind in drawn.dtypes} == {"bool", "object", "int64", "Int64"}
    assert drawn.index.dtype == drawn.columns.dtype == "object"


def test_another_list_asks_the_database_no_more_often_than_a_page(connection, session, cast, open_page):
    make_lead(session, cast.alice, owner=cast.alice)
    app = open_page(cast.alice).run()

    with recorded(connection) as sent:
        app.button(key="open_mine").click().run()

    assert not app.exception and 1 <= len(asked(sent)) <= 4, "\n\n".join(asked(sent))


def test_a_tab_does_not_keep_the_lists_that_were_left_a_while_ago(session, cast, open_page):
    make_lead(session, cast.alice, owner=cast.alice)
    app = open_page(cast.alice)
    opened = []
    for order in list(ORDERS)[:6]:
        app.selectbox(key="sort").set_value(order).run()
        opened.append(app.session_state["desk"].lists["queue"])

    assert not app.exception and len({id(each) for each in opened}) == 6
    assert [bool(each.drawn and each.ids) for each in opened] == [False] * 3 + [True] * 3


def test_objects_that_last_are_gone_through_once_and_not_again_and_again():
    script = ("import contextlib, gc; from lib import errors, startup; held = []\n"
              "with contextlib.suppress(errors.CannotStart): startup.start()\n"
              "before = gc.get_stats()[1]['collections']\n"
              "for _ in range(100): held.append([[] for _ in range(1_000)])\n"
              "print(gc.get_stats()[1]['collections'] - before)")
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True,
                          env=os.environ | {"DATABASE_URL": "mysql://nowhere"}).stdout

    assert int(told) <= 1


def test_a_tab_does_not_keep_a_list_longer_because_a_contact_was_logged_from_it(session, cast, open_page):
    make_lead(session, cast.alice, owner=cast.alice)
    app = open_page(cast.alice).run()
    lists = app.session_state["desk"].lists
    first = lists["clicked"] = lists["queue"]
    for order in list(ORDERS)[:4]:
        app.selectbox(key="sort").set_value(order).run()

    assert not app.exception and not first.ids


def test_a_tab_does_not_keep_where_searches_go_on_which_go_on_without_that(session, cast, open_page):
    for _ in range(51):
        make_lead(session, cast.alice, owner=cast.alice, last_name="Lovelace")
    app = open_page(cast.alice)
    for word in ("love", "lovel", "lovelace"):
        app.text_input(key="q").set_value(word).run()

    desk = app.session_state["desk"]
    assert not app.exception and desk.lists["queue"].count == 51
    assert "love" not in repr(desk.lists["queue cursors"])


def test_what_only_some_pages_need_is_not_loaded_at_the_start():
    loaded = subprocess.run([sys.executable, "-c", "import json, sys; import app; print(json.dumps(list(sys.modules)))"],
                            cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()[-1]

    assert set(json.loads(loaded)).isdisjoint({"pandas", "pyarrow", "altair", "openpyxl", "xlsxwriter", "numpy"})


def test_the_first_visitor_of_my_queue_waits_for_no_import():
    found = subprocess.run([sys.executable, "-c", FIRST_VISIT], cwd=ROOT, check=True, capture_output=True,
                           text=True).stdout.splitlines()[-1]

    missing, loaded = json.loads(found)
    assert missing == []
    assert {"pandas", "pyarrow", "lib.ui.grid"} <= set(loaded)
    # Charts and Excel files are for those who ask for them.
    assert {"altair", "openpyxl"}.isdisjoint(loaded)
