"""Every read beside its floor: the numbers, lists, searches, one lead."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import cycle
from typing import Any

from sqlalchemy.orm import Session

from benchmarks import floors, floors_lookups, load
from benchmarks.desks import QUIET, Setting
from benchmarks.load import NOW
from benchmarks.operations import Operation
from lib import addresses, contacts, db, history, leads, lists, neighbours, pasted, users, views
from lib.auth import Actor
from lib.filters import LeadFilter

RECENT = "last_contacted_at DESC NULLS LAST, id DESC"


def operations(setting: Setting) -> Iterator[Operation]:
    yield from numbers(setting)
    yield from views_of(setting)
    yield from pages_of_all(setting)
    yield from filtered(setting)
    yield from searches(setting)
    yield from lookups(setting)
    yield from around_a_lead(setting)


def numbers(setting: Setting) -> Iterator[Operation]:
    for actor, whose in ((setting.rep, "largest rep"), (setting.median, "median rep")):
        yield Operation(f"numbers, {whose}", "lists.numbers",
                        lambda s, _, a=actor: lists.numbers(s, a, now=setting.later()),
                        setting.sql(floors.NUMBERS, actor))


def views_of(setting: Setting) -> Iterator[Operation]:
    rep, median = setting.rep, setting.median
    for key, view in views.VIEWS.items():
        yield page(setting, f"page {key}", rep, lambda v=view: v.filter(rep, setting.later()), *floors.VIEWS[key],
                   name=view.order)
    yield page(setting, "page mine, median rep", median,
               lambda: views.VIEWS["mine"].filter(median, setting.later()), *floors.VIEWS["mine"])


def page(setting: Setting, label: str, actor: Actor, wanted: Callable[[], LeadFilter], condition: str, order: str, *,
         name: str = "waiting", prepare: bool = True, limit_of_count: int = lists.COUNT_LIMIT,
         **values: Any) -> Operation:
    def call(session: Session, _: Any) -> None:
        with nullcontext() if prepare else _unprepared(session):
            lists.page(session, actor, wanted(), order=name)

    return Operation(label, "lists.page", call, setting.sql(
        floors.page(condition, order, limit_of_count=limit_of_count), actor, prepare=prepare, **values))


@contextmanager
def _unprepared(session: Session) -> Iterator[None]:
    connection = session.connection().connection.driver_connection
    usual, connection.prepare_threshold = connection.prepare_threshold, None
    yield
    connection.prepare_threshold = usual


def pages_of_all(setting: Setting) -> Iterator[Operation]:
    """The first of the company's list and the hundredth, by where the one before ended and by number."""
    rep, everything = setting.rep, LeadFilter()
    with db.transaction() as session:
        before = lists.page(session, rep, everything, order="recent", offset=4900, count=False)
    yield Operation("page 1 of the company's", "lists.page", lambda s, _: lists.page(s, rep, everything, order="recent"),
                    setting.sql(floors.page(floors.ALL, RECENT), rep))
    if not before.rows:
        return
    last = before.rows[-1]
    yield Operation("page 100 by cursor", "lists.page",
                    lambda s, _: lists.page(s, rep, everything, order="recent", cursor=before.next_cursor),
                    setting.sql(floors.page(floors.BEHIND.replace(">", "<"), RECENT, count=floors.ALL), rep,
                                at=last.last_contacted_at, id=last.id))
    yield Operation("page 100 by offset", "lists.page",
                    lambda s, _: lists.page(s, rep, everything, order="recent", offset=4950),
                    setting.sql(floors.page(floors.ALL, RECENT, offset=4950), rep))


def filtered(setting: Setting) -> Iterator[Operation]:
    rep = setting.rep
    for key, order in floors.ORDERS.items():
        yield page(setting, f"all leads, by {key}", rep, LeadFilter, floors.ALL, order, name=key)
    wanted = {"a tag": {"tags_any": ("autumn",)}, "no such tag": {"tags_any": ("zzqxq",)},
              "a source": {"sources": ("scraper",)}, "score from 90": {"score_min": 90},
              "no e-mail": {"lacks": ("email",)},
              "contacted, not lately": {"last_contacted_before": QUIET, "contact_count_min": 3}}
    for what, given in wanted.items():
        yield page(setting, f"all leads, {what}", rep, lambda g=given: LeadFilter(**g), floors.FILTERS[what],
                   floors.ORDERS["newest"], name="newest")
    yield Operation("all that match a tag", "lists.matching",
                    lambda s, _: lists.matching(s, rep, LeadFilter(tags_any=("priority",), score_min=95)),
                    setting.sql(f"SELECT id FROM leads WHERE {floors.ALL} AND tags && ARRAY['priority'] AND score >= 95 "
                                "LIMIT 100001", rep))


def searches(setting: Setting) -> Iterator[Operation]:
    # A name that one lead has, a fragment that some hundreds have, and a syllable that a third of them have.
    words = {"rare": load.RARE_SURNAME.lower(), "fragment of a surname": setting.fragment, "broad": "an",
             "none": "zzqxq"}
    for kind, word in words.items():
        # A word that has not been searched for yet: the blanks see to it that no statement is kept for it, and it is
        # not prepared on either side, as it would be from its sixth repeat.
        yield page(setting, f"search, {kind}", setting.rep,
                   lambda w=word: LeadFilter(search=w + " " * (next(setting.numbers) % 1000)), floors.SEARCH,
                   floors.WAITING, prepare=False, limit_of_count=lists.SEARCH_COUNT_LIMIT, pattern=f"%{word}%")
    yield surnames(setting)


def surnames(setting: Setting) -> Operation:
    """Another fragment each time, of names that one lead in 3,000 to one in 200 has."""
    words = cycle([word for word, in setting.connection.execute(
        "SELECT lower(left(last_name, 6)) FROM leads WHERE company_id = %(company)s AND length(last_name) > 6 GROUP BY 1 "
        "HAVING count(*) BETWEEN %(leads)s / 3000 AND %(leads)s / 200 ORDER BY md5(lower(left(last_name, 6))) LIMIT 41",
        {"company": setting.company, "leads": setting.leads})])

    def call(session: Session, word: str) -> None:
        with _unprepared(session):
            lists.page(session, setting.rep, LeadFilter(search=word + " " * (next(setting.numbers) % 1000)))

    statement = floors.page(floors.SEARCH, limit_of_count=lists.SEARCH_COUNT_LIMIT)
    return Operation("search, another surname each time", "lists.page", call, lambda c, word: c.execute(
        statement, setting.values(setting.rep, pattern=f"%{word}%"), prepare=False).fetchall(), lambda: next(words))


def lookups(setting: Setting) -> Iterator[Operation]:
    rep = setting.rep
    ids = [next(setting.to_contact) for _ in range(50)]
    told = setting.one("SELECT lead_id FROM lead_events WHERE company_id = %s LIMIT 1", setting.company)
    yield Operation("rows of 50", "lists.rows", lambda s, _: lists.rows(s, rep, ids),
                    setting.sql(floors.ROWS, rep, ids=ids))
    yield Operation("find", "leads.find", lambda s, _: leads.find(s, rep, ids[0]),
                    setting.sql(floors.FIND, rep, id=ids[0]))
    yield Operation("timeline", "history.timeline", lambda s, _: history.timeline(s, rep, told),
                    setting.sql(floors.TIMELINE, rep, id=told))
    yield Operation("sign_in", "users.sign_in", lambda s, _: users.sign_in(s, rep.user_id),
                    setting.sql(floors.SIGN_IN, rep))
    yield Operation("directory", "users.directory", lambda s, _: users.directory(s, rep),
                    setting.sql(floors_lookups.DIRECTORY, rep))


def around_a_lead(setting: Setting) -> Iterator[Operation]:
    rep = setting.rep
    ids = [next(setting.to_contact) for _ in range(50)]
    address = setting.one("SELECT email FROM leads WHERE company_id = %s AND email IS NOT NULL LIMIT 1", setting.company)
    yield Operation("duplicates of an address", "addresses.duplicates",
                    lambda s, _: addresses.duplicates(s, rep, email=address),
                    setting.sql(floors_lookups.DUPLICATES, rep, email=address))
    yield Operation("last change of a cell", "history.last_change",
                    lambda s, _: history.last_change(s, rep, ids[0], "status"),
                    setting.sql(floors_lookups.LAST_CHANGE, rep, id=ids[0]))
    yield Operation("recent contacts", "contacts.recent", lambda s, _: contacts.recent(s, rep),
                    setting.sql(floors_lookups.RECENT_CONTACTS, rep))
    yield Operation("others at the same firm", "neighbours.at_same_firm",
                    lambda s, _: neighbours.at_same_firm(s, rep, ids[0]), setting.sql(floors_lookups.SAME_FIRM, rep, id=ids[0]))
    yield Operation("who was in touch with the firms of 50", "neighbours.recent_touches",
                    lambda s, _: neighbours.recent_touches(s, rep, ids, now=NOW),
                    setting.sql(floors_lookups.RECENT_TOUCHES, rep, ids=ids))
    known = [email for email, in setting.connection.execute(
        "SELECT email FROM leads WHERE company_id = %s AND email IS NOT NULL ORDER BY id LIMIT 100", [setting.company])]
    yield Operation("100 pasted addresses", "pasted.resolve", lambda s, _: pasted.resolve(s, rep, known),
                    setting.sql(floors_lookups.PASTED, rep, emails=known))
