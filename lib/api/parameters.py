"""A query read into its model in one go.

FastAPI looks into the type of every parameter anew at every call, which for a list of leads takes longer than its rows.
"""

from collections.abc import Awaitable, Callable
from typing import Any, get_origin

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError


def read(model: type[BaseModel]) -> Callable[[Request], Awaitable[Any]]:
    """A dependency that gives the query as this model. Raises RequestValidationError, as FastAPI does, and also for a
    parameter that is given twice and is no list: either of the two would be overlooked."""
    many = {name for name, field in model.model_fields.items() if get_origin(field.annotation) is list}

    async def parameters(request: Request) -> Any:
        given: dict[str, Any] = {}
        for name, value in request.query_params.multi_items():
            if name in many:
                given.setdefault(name, []).append(value)
            elif name in given:
                raise RequestValidationError([{"type": "repeated", "loc": ("query", name), "msg": "Given twice"}])
            else:
                given[name] = value
        try:
            return model.model_validate(given)
        except ValidationError as error:
            raise RequestValidationError([{**each, "loc": ("query", *each["loc"])} for each in error.errors()]) from None
    return parameters


def described(model: type[BaseModel]) -> dict[str, Any]:
    """The same parameters for the contract, as ``openapi_extra``."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"parameters": [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": each,
         **({"description": each["description"]} if "description" in each else {})}
        for name, each in schema["properties"].items()]}
