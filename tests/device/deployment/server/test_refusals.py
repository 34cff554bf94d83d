from __future__ import annotations

import json

from starlette.exceptions import HTTPException
from starlette.requests import Request

from mnist_edge.deployment.server import refusals
from mnist_edge.errors import ModelNotFound

REQUEST = Request(
    {
        "type": "http",
        "method": "GET",
        "path": "/nowhere",
        "query_string": b"",
        "headers": [],
        "server": ("localhost", 80),
    }
)


def test_a_refusal_has_its_status_its_type_its_message_and_its_headers() -> None:
    response = refusals.refusal_response(REQUEST, refusals.busy("64 requests wait"))
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"
    assert json.loads(bytes(response.body)) == refusals.error_document("Busy", "64 requests wait")


def test_a_route_that_does_not_exist_is_named() -> None:
    response = refusals.http_error_response(REQUEST, HTTPException(404, "Not Found"))
    assert response.status_code == 404
    error = json.loads(bytes(response.body))["error"]
    assert error == {"type": "NotFound", "message": "GET /nowhere: not found"}


def test_an_error_of_the_model_says_what_to_do_and_a_defect_says_nothing_of_itself() -> None:
    failed = refusals.model_error_response(REQUEST, ModelNotFound("no model 'own'"))
    assert failed.status_code == 503
    assert json.loads(bytes(failed.body))["error"]["message"] == "no model 'own'"
    defect = refusals.unexpected_error_response(REQUEST, ValueError("/home/pi/secret"))
    assert defect.status_code == 500
    assert b"secret" not in bytes(defect.body)
