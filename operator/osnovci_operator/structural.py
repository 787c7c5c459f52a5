"""From a pydantic model to the structural schema that a CRD needs. Pure.

Pydantic writes JSON Schema with references and titles; the API server wants everything in place,
no `anyOf` with null, and defaults of objects as `{}` so that those of their fields apply.
"""

from typing import Any

from osnovci_operator.resource import Model

_DROPPED = {"title", "$defs", "additionalProperties"}


def schema(model: type[Model]) -> dict[str, Any]:
    """Give a model's structural schema."""
    whole = model.model_json_schema(by_alias=True)
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
    if result.get("default", ...) is None:
        del result["default"]
    if "description" in result:
        result["description"] = " ".join(result["description"].split())
    if "properties" in result:
        result["properties"] = {
            name: _inline(each, definitions) for name, each in result["properties"].items()
        }
        if "default" in result:
            result["default"] = {}
    if "items" in result:
        result["items"] = _inline(result["items"], definitions)
    if isinstance(node.get("additionalProperties"), dict) and node["additionalProperties"]:
        result["additionalProperties"] = _inline(node["additionalProperties"], definitions)
    return result
