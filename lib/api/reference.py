"""The page that explains the API, made from its own contract: no script, nothing from another host."""

import html
import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

router = APIRouter(include_in_schema=False)
SECTIONS = ("Leads", "Numbers", "Health")
METHODS = ("get", "post", "patch", "put", "delete")
LEAD_ID = "5f0c7f6e-3d0f-4c52-9b1c-2f1a7c9d1e11"

STYLE = """
:root { color-scheme: light dark; --line: #d9dfe5; --soft: #f3f5f7; --ink: #1d2733; --link: #1f5f8b }
@media (prefers-color-scheme: dark) { :root { --line: #323d48; --soft: #1a222b; --ink: #e3e8ed; --link: #7db8e0 }
  body { background: #11171d } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 56rem; margin: 0 auto; padding: 1.5rem 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem; padding-top: 1rem; border-top: 1px solid var(--line) }
a { color: var(--link); text-decoration: none } code, pre { font: 13px/1.5 ui-monospace, monospace }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .75rem; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere } pre.curl { user-select: all }
table { border-collapse: collapse; width: 100%; font-size: 14px } td, th { text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); padding: .3rem 0 }
td:first-child { width: 11rem; padding-right: .75rem; overflow-wrap: anywhere } table { margin-top: 1rem }
@media (max-width: 40rem) { td:first-child { width: 7.5rem } }
 th { font-weight: 600 }
.path { color: inherit; font-weight: 400 } nav li { margin: .15rem 0 } nav ul { padding-left: 1.1rem }
"""


@router.get("/openapi.json")
async def contract(request: Request) -> dict[str, Any]:
    return {**request.app.openapi(), "servers": [{"url": request.app.state.calls.base_url(request)}]}


@router.get("/docs")
async def docs(request: Request) -> Response:
    return HTMLResponse(page(request.app.openapi(), request.app.state.calls.base_url(request)))


def page(contract: dict[str, Any], base: str) -> str:
    """The whole page; ``base`` is the address of the API, without a slash at the end."""
    calls = [(path, method, call) for path, methods in contract["paths"].items()
             for method, call in methods.items() if method in METHODS]
    calls.sort(key=lambda each: list(SECTIONS).index(each[2]["tags"][0]))
    listed = "".join(f'<li><a href="#{call["operationId"]}">{html.escape(call["summary"])}</a> '
                     f'<code>{method.upper()} {html.escape(path)}</code></li>' for path, method, call in calls)
    parts = "".join(_call(contract, base, *each) for each in calls)
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Lead Desk API</title>'
            f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
            f'<h1>Lead Desk API</h1>{_paragraphs(contract["info"]["description"])}'
            f'<p>The same for programs: <a href="{html.escape(base)}/openapi.json">openapi.json</a>. A click selects a whole '
            f'cURL line; n8n imports it in an HTTP Request node.</p><nav><ul>{listed}</ul></nav>{parts}</body></html>')


def curl(contract: dict[str, Any], base: str, path: str, method: str, call: dict[str, Any]) -> str:
    """A line that calls it, with the example of its body; only the token has to be put in."""
    parts = ["curl"] + ([f"-X {method.upper()}"] if method != "get" else [])
    parts.append(_quoted(base + path.replace("{lead_id}", LEAD_ID)))
    if call.get("security"):
        parts.append("-H 'Authorization: Bearer YOUR_TOKEN'")
    schema = _body(contract, call)
    if schema is not None:
        example = (schema.get("examples") or [{}])[0]
        parts += ["-H 'Content-Type: application/json'", f"-d {_quoted(json.dumps(example, ensure_ascii=False))}"]
    return " ".join(parts)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _call(contract: dict[str, Any], base: str, path: str, method: str, call: dict[str, Any]) -> str:
    parameters = [(each["name"], each.get("schema", {}), each.get("description") or each.get("schema", {}).get(
        "description", ""), each.get("required")) for each in call.get("parameters", ())]
    schema = _body(contract, call)
    body = [] if schema is None else [
        (name, each, each.get("description", ""), name in schema.get("required", ()))
        for name, each in schema.get("properties", {}).items()]
    answers = "".join(f"<tr><td>{code}</td><td>{_marked(_answer(answer))}</td></tr>"
                      for code, answer in sorted(call["responses"].items()))
    return (f'<h2 id="{call["operationId"]}">{html.escape(call["summary"])} '
            f'<code class="path">{method.upper()} {html.escape(path)}</code></h2>'
            f'{_paragraphs(call.get("description", ""))}'
            f'<pre class="curl">{html.escape(curl(contract, base, path, method, call))}</pre>'
            f'{_table(contract, "Parameters", parameters)}{_table(contract, "Body", body)}'
            f'<table><tr><th>Answer</th><th></th></tr>{answers}</table>')


def _body(contract: dict[str, Any], call: dict[str, Any]) -> dict[str, Any] | None:
    if "requestBody" not in call:
        return None
    schema = call["requestBody"]["content"]["application/json"]["schema"]
    return contract["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


def _table(contract: dict[str, Any], title: str, rows: list[tuple[str, dict[str, Any], str, Any]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td><code>{html.escape(name)}</code></td>"
        f"<td>{_marked(_told(contract, schema, description, needed))}</td></tr>"
        for name, schema, description, needed in rows)
    return f"<table><tr><th>{title}</th><th></th></tr>{cells}</table>"


def _told(contract: dict[str, Any], schema: dict[str, Any], description: str, needed: Any) -> str:
    kind = _kind(contract, schema)
    default = schema.get("default")
    if default not in (None, "", [], False):
        kind += f"; {default} if left out"
    return ". ".join(part for part in (("needed, " if needed else "") + kind, description) if part)


def _kind(contract: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type in words: “text, up to 200 characters”, “one of new, enriched”."""
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null" and "const" not in each]
    if options:
        return " or ".join(dict.fromkeys(_kind(contract, each) for each in options))
    if "$ref" in schema:
        return _kind(contract, contract["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "enum" in schema:
        return "one of " + ", ".join(str(each) for each in schema["enum"] if each is not None)
    match schema.get("type"):
        case "string" if schema.get("format"):
            return {"uuid": "id", "date-time": "time with its zone"}.get(schema["format"], schema["format"])
        case "string":
            return f"text, up to {schema['maxLength']:,} characters" if "maxLength" in schema else "text"
        case "integer":
            most = f", {int(schema.get('minimum', 0)):,} to {int(schema['maximum']):,}" if "maximum" in schema else ""
            return f"whole number{most}"
        case "boolean":
            return "true or false"
        case "array":
            of = _kind(contract, schema.get("items", {}))
            return f"list: {of}" if of.startswith("one of") else f"list of {of}" if of else "list"
        case "object":
            return "object"
        case _:
            return ""


def _answer(answer: dict[str, Any]) -> str:
    return "Done." if answer["description"] == "Successful Response" else answer["description"]


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_marked(paragraph)}</p>" for paragraph in text.strip().split("\n\n"))


def _marked(text: str) -> str:
    """Markdown's bold and code, which with paragraphs is all that the contract uses."""
    escaped = html.escape(" ".join(text.split()), quote=False)
    for mark, tag in (("**", "b"), ("`", "code")):
        pieces = escaped.split(mark)
        escaped = "".join(piece if number % 2 == 0 else f"<{tag}>{piece}</{tag}>" for number, piece in enumerate(pieces))
    return escaped
