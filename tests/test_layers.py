"""Who may import what, and where a transaction may begin: the rules of the layers, read from the source."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from lib.config import ROOT

DATA_ACCESS = ("auth", "users", "fields", "filters", "orders", "moments", "queries", "views", "leads", "lists", "bulk",
               "new_leads", "contacts", "contact_changes", "contact_summary", "outcomes", "pasted", "neighbours",
               "history", "undo", "once", "scope", "conversion", "lost", "attribution", "replies", "funnel", "workload", "imports",
               "import_rows", "addresses", "exports", "arrivals", "deliveries", "counts", "assignment", "hand_outs",
               "leavers", "staffing", "firms", "writes", "columns", "settings_log", "team", "company", "tokens",
               "tags", "persons", "time_zones", "spreadsheets", "report", "sign_ins", "statements")
SQL = re.compile(r"\bSELECT\s.+\sFROM\b|\bINSERT\s+INTO\b|\bUPDATE\s.+\sSET\b|\bDELETE\s+FROM\b"
                 r"|\b(?:CREATE|ALTER|DROP)\s+(?:TABLE|INDEX|TYPE)\b", re.DOTALL)


def files(*patterns: str) -> list[Path]:
    found = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    assert found, f"nothing matches {patterns}"
    return found


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


LIB = files("lib/*.py", "lib/ui/*.py", "lib/api/*.py")
DRAWING = [path for path in LIB if path.parent.name == "ui" or path.name == "shell.py"]
PAGES = files("pages/*.py")


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


def imported(tree: ast.AST) -> set[str]:
    """Every module that is imported, anywhere in the file, with the packages above it: lib.ui.desk is lib.ui too."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # “from .ui import x” inside lib is lib.ui.x; nobody writes it so, and it must not be a way around.
            start = ".".join(filter(None, ["lib" if node.level else "", node.module]))
            names.update(f"{start}.{alias.name}" for alias in node.names)
    return {".".join(parts[:length]) for parts in (name.split(".") for name in names)
            for length in range(1, len(parts) + 1)}


def dotted(node: ast.AST) -> str:
    """The name that is called, such as st.sidebar.button, or "" for anything that is not one."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and dotted(node.value):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def transactions(tree: ast.AST) -> list[ast.With]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.With)
            and any(isinstance(item.context_expr, ast.Call)
                    and dotted(item.context_expr.func) in ("db.transaction", "transaction") for item in node.items)]


def drawn_inside(tree: ast.AST) -> list[str]:
    """What is called of Streamlit inside a transaction, with the line."""
    return [f"line {call.lineno}: {dotted(call.func)}" for block in transactions(tree) for statement in block.body
            for call in calls(statement) if dotted(call.func).split(".")[0] in ("st", "streamlit")]


def commits(tree: ast.AST) -> list[int]:
    return [call.lineno for call in calls(tree) if isinstance(call.func, ast.Attribute) and call.func.attr == "commit"]


def sql_texts(tree: ast.AST) -> list[str]:
    return [node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value)]


# ---------------------------------------------------------------- lib


@each([path for path in LIB if path not in DRAWING])
def test_the_rest_of_lib_knows_nothing_of_streamlit(path):
    assert "streamlit" not in imported(parsed(path))


@each([path for path in LIB if path not in DRAWING] + files("migrations/**/*.py", "benchmarks/*.py"))
def test_only_pages_and_the_shell_import_what_draws(path):
    assert "lib.ui" not in imported(parsed(path))


@each([path for path in LIB if path.parent.name != "api"] + PAGES)
def test_only_the_api_imports_fastapi(path):
    assert imported(parsed(path)).isdisjoint({"fastapi", "starlette"})


@each([ROOT / "lib" / f"{name}.py" for name in DATA_ACCESS])
def test_the_data_access_leaves_the_commit_to_its_caller(path):
    tree = parsed(path)

    assert commits(tree) == []
    assert transactions(tree) == []


# ---------------------------------------------------------------- pages


@each(PAGES)
def test_pages_write_no_sql(path):
    tree = parsed(path)

    assert imported(tree).isdisjoint({"sqlalchemy", "psycopg"})
    assert sql_texts(tree) == []


@each(PAGES)
def test_pages_ask_who_is_looking(path):
    assert "identity.current" in {dotted(call.func) for call in calls(parsed(path))}


@each(PAGES + DRAWING)
def test_nothing_is_drawn_inside_a_transaction(path):
    # Streamlit stops a script by raising out of any of its calls, which would roll the work back unseen.
    assert drawn_inside(parsed(path)) == []


def test_pages_and_what_draws_open_transactions_at_all():
    # Otherwise the rule above would hold because it looks for the wrong words.
    assert len([block for path in PAGES + DRAWING for block in transactions(parsed(path))]) >= len(PAGES)


# ---------------------------------------------------------------- the repository


def test_no_file_refers_to_a_folder_outside_the_repository():
    try:
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                                check=True, capture_output=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a git checkout")

    # In two parts, so that this file does not find itself.
    outside = "../" + "shared"
    assert [name for name in listed if name and (ROOT / name).is_file()
            and outside.encode() in (ROOT / name).read_bytes()] == []


# ---------------------------------------------------------------- the rules notice what they are for


@pytest.mark.parametrize(("source", "module"), [
    ("import streamlit as st", "streamlit"),
    ("def draw():\n    from streamlit.runtime import get_instance", "streamlit"),
    ("from lib import ui", "lib.ui"),
    ("from lib.ui import desk as desks", "lib.ui"),
    ("import lib.ui.desk", "lib.ui"),
    ("from .ui import desk", "lib.ui"),
    ("from . import ui", "lib.ui"),
])
def test_an_import_is_noticed_however_it_is_written(source, module):
    assert module in imported(ast.parse(source))


@pytest.mark.parametrize("body", [
    "st.write(rows)",
    "if rows:\n        st.sidebar.button('Save')",
    "later = lambda: st.rerun()",
    "leads.find(session, actor, st.text_input('Lead'))",
])
def test_drawing_inside_a_transaction_is_noticed(body):
    for opening in ("with db.transaction() as session:", "with shown(), db.transaction() as session:"):
        assert len(drawn_inside(ast.parse(f"{opening}\n    {body}"))) == 1

    assert drawn_inside(ast.parse(f"with st.form('assign'):\n    {body}")) == []


def test_a_commit_and_sql_are_noticed():
    assert commits(ast.parse("def save(session):\n    session.connection().commit()")) == [2]
    assert sql_texts(ast.parse("query = f'''\nSELECT id\nFROM leads WHERE {this}'''")) != []
    assert sql_texts(ast.parse("st.info('Select a lead from the list to update it.')")) == []
