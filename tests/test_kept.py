"""What speed rests on and needs no clock to hold: how often a page asks the database, and what a start loads."""

import json
import subprocess
import sys

import pytest
from sqlalchemy import update

from benchmarks.plans import recorded
from lib.config import ROOT
from lib.models import Lead
from lib.ui import grid
from tests.factories import make_lead


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


def test_the_grids_frame_is_made_again_only_for_rows_that_have_changed(session, cast, open_page, monkeypatch):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, score=10)
    made = []
    monkeypatch.setattr(grid, "_frame", lambda *given, make=grid._frame: made.append(make(*given)) or made[-1])

    app = open_page(cast.alice).run()
    assert made
    made.clear()
    app.run().run()
    assert made == []

    session.execute(update(Lead).where(Lead.id == lead_id).values(score=20))
    app.run().run()
    assert [list(frame["score"]) for frame in made] == [[20]] and not app.exception


def test_what_only_some_pages_need_is_not_loaded_at_the_start():
    loaded = subprocess.run([sys.executable, "-c", "import json, sys; import app; print(json.dumps(list(sys.modules)))"],
                            cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()[-1]

    assert set(json.loads(loaded)).isdisjoint({"pandas", "pyarrow", "altair", "openpyxl", "xlsxwriter", "numpy"})
