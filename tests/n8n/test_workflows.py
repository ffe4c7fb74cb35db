"""The workflows and the guide of docs/n8n against the API: what they call is there, and takes what they send."""

import json
import re
import shlex
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from lib import api
from tests.factories import make_lead
from tests.n8n.n8n import PLACEHOLDER, WORKFLOWS, credential_of
from tests.n8n.node import Node

FILES = sorted(WORKFLOWS.glob("*.json"))
GUIDE = (WORKFLOWS / "README.md").read_text("utf-8")
CURLS = re.findall(r"^curl .*$", GUIDE, re.MULTILINE)
EXPRESSION = re.compile(r"\{\{.*?\}\}")


def requests_of(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in workflow["nodes"] if node["type"] == "n8n-nodes-base.httpRequest"]


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def workflow(request) -> dict[str, Any]:
    return json.loads(request.param.read_text("utf-8"))


def test_there_are_four_workflows_and_the_guide_links_each():
    assert len(FILES) == 4
    assert all(f"]({file.name})" in GUIDE for file in FILES)


def test_its_calls_are_in_the_contract_with_all_their_parameters(workflow):
    paths = api.make().openapi()["paths"]

    for node in requests_of(workflow):
        parameters = node["parameters"]
        base, path = EXPRESSION.sub("{lead_id}", parameters["url"].removeprefix("=")).split("/api", 1)
        call = paths[path][parameters["method"].lower()]
        known = {each["name"] for each in call["parameters"] if each["in"] == "query"}
        assert base == "{lead_id}"
        assert {each["name"] for each in parameters.get("queryParameters", {}).get("parameters", ())} <= known


def test_its_calls_are_retried_and_what_has_a_body_has_a_key_so_that_this_is_safe(workflow):
    for node in requests_of(workflow):
        headers = {each["name"]: each["value"] for each in node["parameters"].get("headerParameters", {}).get(
            "parameters", ())}
        assert node["retryOnFail"]
        assert ("Idempotency-Key" in headers) == node["parameters"].get("sendBody", False)
        assert all("run_id" in value for value in headers.values())


def test_it_has_the_address_in_one_place_and_no_token(workflow):
    text = json.dumps(workflow)

    assert text.count(PLACEHOLDER) == 1
    assert credential_of(workflow)["name"] == "Lead Desk"
    assert "ldk_" not in text and not workflow["active"]


def test_its_lines_lead_to_nodes_that_are_there(workflow):
    names = {node["name"] for node in workflow["nodes"]}
    connections = workflow["connections"]

    led_to = {end["node"] for each in connections.values() for output in each["main"] for end in output}
    assert set(connections) | led_to <= names
    assert set(re.findall(r"\$\('(.+?)'\)", json.dumps(workflow))) <= names


def test_the_guide_has_every_call_of_the_contract():
    said = {(method(shlex.split(line)), template(shlex.split(line))) for line in CURLS}

    calls = {(verb.upper(), path) for path, verbs in api.make().openapi()["paths"].items() for verb in verbs}
    assert said == calls - {("GET", "/health/live")}


@pytest.mark.parametrize("line", CURLS, ids=lambda line: f"{method(shlex.split(line))} {template(shlex.split(line))}")
def test_a_line_of_the_guide_works_as_it_stands(app, cast, session, token_of, line):
    lead = make_lead(session, cast.tess, email=None)
    given = shlex.split(line.replace("YOUR_TOKEN", token_of(cast.mona)).replace("LEAD_ID", str(lead))
                        .replace("USER_ID", str(cast.alice.user_id)))
    headers = dict(header.split(": ", 1) for flag, header in zip(given, given[1:], strict=False) if flag == "-H")
    address = urlsplit(address_of(given))
    node = Node(app.url, headers.get("Authorization", "").removeprefix("Bearer ") or None)

    answer = node.send(method(given), address.path, body(given), headers.get("Content-Type"),
                       key=headers.get("Idempotency-Key"), query=dict(parse_qsl(address.query)))

    assert answer.status in (200, 201), answer.text
    assert "refused" not in answer.body.get("counts", {})


def method(curl: list[str]) -> str:
    return curl[curl.index("-X") + 1] if "-X" in curl else "GET"


def body(curl: list[str]) -> bytes | None:
    return curl[curl.index("-d") + 1].encode() if "-d" in curl else None


def address_of(curl: list[str]) -> str:
    return next(each for each in curl if each.startswith("https://"))


def template(curl: list[str]) -> str:
    return urlsplit(address_of(curl)).path.removeprefix("/api").replace("LEAD_ID", "{lead_id}")
