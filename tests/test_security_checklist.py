"""docs/security.md names tests that exist, and a few rules that only the source can show."""

import ast
import re

import pytest

from lib.config import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
CHECKLIST = (ROOT / "docs" / "security.md").read_text("utf-8")
SOURCES = [ROOT / "app.py", *sorted(ROOT.glob("lib/**/*.py")), *sorted(ROOT.glob("pages/*.py"))]
# What turns text into a program, or bytes into objects of any kind.
FORBIDDEN = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.loads", "pickle.load",
             "marshal.loads", "yaml.load", "subprocess.getoutput"}


def calls(source: str) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]


def dangers(source: str) -> list[str]:
    found = []
    for call in calls(source):
        if ast.unparse(call.func) in FORBIDDEN:
            found.append(ast.unparse(call.func))
        found += [keyword.arg for keyword in call.keywords
                  if keyword.arg == "shell" and ast.unparse(keyword.value) != "False"]
    return found


def test_every_test_that_the_checklist_names_exists():
    named = set(NAMED.findall(CHECKLIST))
    assert len(named) > 60

    defined = {(file, node.name) for file in {file for file, _ in named}
               for node in ast.walk(ast.parse((ROOT / file).read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}
    assert sorted(named - defined) == []


def test_every_item_of_the_checklist_names_a_test():
    rows = [line for line in CHECKLIST.splitlines() if line.startswith("| ") and not line.startswith("| item ")]

    assert [row for row in rows if not NAMED.search(row)] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_evaluates_text_or_hands_it_to_a_shell(path):
    assert dangers(path.read_text("utf-8")) == []


def test_evaluating_and_a_shell_are_noticed():
    assert dangers("eval(x)\nsubprocess.run(x, shell=True)\npickle.loads(x)\nre.compile(x)") == [
        "eval", "shell", "pickle.loads"]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_everything_that_is_installed_is_pinned(name):
    pinned = re.compile(r"[A-Za-z0-9-]+(\[[a-z,]+\])?==[0-9][0-9.]*")
    lines = (ROOT / name).read_text("utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith(("#", "-r "))]

    assert packages and [line for line in packages if not pinned.fullmatch(line)] == []
