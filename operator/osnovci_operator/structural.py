"""From a pydantic model to the structural schema that a CRD needs. Pure.

Pydantic writes JSON Schema with references and titles; the API server wants everything in place,
no `anyOf` with null, and defaults of objects as `{}` so that those of their fields apply, unless
the object has rules.
`kubectl explain` shows a field's description alone, so range and default are told there.
"""

import json
from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from osnovci_operator.resource import Model, format_duration

_DROPPED = {"title", "$defs", "additionalProperties"}


class _Generator(GenerateJsonSchema):
    """Writes default durations as the resource does."""

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def schema(model: type[Model]) -> dict[str, Any]:
    """Give a model's structural schema."""
    whole = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    return _inline(whole, whole.get("$defs", {}))


def _inline(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    if "anyOf" in node:
        (only,) = (each for each in node["anyOf"] if each.get("type") != "null")
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return _inline({**only, **rest}, definitions)
    return _fields(node, definitions)


def _fields(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in node.items() if key not in _DROPPED}
    empty = ([], {}) if "properties" not in result else ()
    if "default" in result and (result["default"] is None or result["default"] in empty):
        del result["default"]
    if "properties" in result:
        result["properties"] = {
            name: _inline(each, definitions) for name, each in result["properties"].items()
        }
        # Rules are checked on a default as it is written, before those of its fields apply.
        if "default" in result and "x-kubernetes-validations" not in result:
            result["default"] = {}
    if "description" in result:
        parts = (" ".join(result["description"].split()), _range(result), by_default(result))
        result["description"] = " ".join(part for part in parts if part)
    if "items" in result:
        result["items"] = _inline(result["items"], definitions)
    if isinstance(node.get("additionalProperties"), dict) and node["additionalProperties"]:
        result["additionalProperties"] = _inline(node["additionalProperties"], definitions)
    return result


def by_default(field: dict[str, Any]) -> str:
    """Tell a field's default in a sentence; nothing where it is empty, or an object's own apply."""
    if field.get("default") in (None, "") or isinstance(field["default"], dict):
        return ""
    return f"By default {json.dumps(field['default']).strip(chr(34))}."


def _range(field: dict[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    return "" if low is None or high is None else f"From {low} to {high}."
