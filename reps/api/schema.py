"""The OpenAPI schema says what really comes in and out: input serializers as request bodies, errors as answers."""

from typing import Any

from drf_spectacular.openapi import AutoSchema

from reps.permissions import SCOPE_OF

ERROR = {
    "type": "object",
    "description": "Every error in this form. `fields` names each field that is wrong, with what is wrong about it.",
    "properties": {
        "error": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": {}},
    },
    "required": ["error", "fields"],
}
ERRORS = {
    "400": "Something sent is not accepted; `fields` says what.",
    "401": "No token, one that is not valid, or one that has expired.",
    "403": "The role does not include this, or the token lacks the scope.",
    "404": "There is no such record that you may see.",
    "409": "This conflicts with what is there.",
    "415": "Send JSON.",
    "503": "The database is away for a moment: send it again.",
}
WRITING = {"post", "put", "patch"}


class ApiSchema(AutoSchema):
    """Requests are described by a view set's `input_class`, answers by its `serializer_class`."""

    def get_description(self) -> str:  # type: ignore[override]  # the stubs describe another library's
        """With the scope that a narrowed token needs."""
        told: str = super().get_description() or ""
        wanted = getattr(self.view, "permission_by_method", {}).get(self.method, "")
        scope = SCOPE_OF.get(wanted)
        return f"{told}\n\nScope of the token: `{scope}`.".strip() if scope else told

    def get_request_serializer(self) -> Any:
        return getattr(self.view, "input_class", None) or super().get_request_serializer()


def with_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Adds to every operation the errors that it can answer. A postprocessing hook of drf-spectacular."""
    result["components"].setdefault("schemas", {})["Error"] = ERROR
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            _both_ways(method, operation["responses"])
            for code in _possible(path, method):
                operation["responses"].setdefault(
                    code,
                    {
                        "description": ERRORS[code],
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                    },
                )
    return result


def _both_ways(method: str, responses: dict[str, Any]) -> None:
    """A repeated create answers 200 with what is there; an upsert that creates answers 201."""
    if method == "post" and "201" in responses:
        responses.setdefault("200", responses["201"] | {"description": "It was here already."})
    if method == "put":
        responses.setdefault("201", responses["200"] | {"description": "It is new."})


def _possible(path: str, method: str) -> list[str]:
    codes = ["400", "401", "403", "503"]
    if "{" in path or method == "get":  # a list's cursor can be no page
        codes.append("404")
    if method in WRITING:
        codes += ["409", "415"]
    return codes
