"""docs/openapi.yaml says what the code does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from django.utils import timezone
from openapi_spec_validator import OpenAPIV31SpecValidator

from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import Fault
from tests.api.conftest import UNKNOWN, ask, cancellations_of

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_document_is_up_to_date():
    check = [sys.executable, DOCS / "write_openapi.py", "--check"]
    finished = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr or "run python docs/write_openapi.py"
    assert finished.stderr == ""  # a warning says that something could not be described


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load((DOCS / "openapi.yaml").read_text(encoding="utf-8"))


def test_it_is_a_document_of_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def conforms(document, path, response):
    """Check a real answer against what the document says of it; return its status."""
    operation = document["paths"][path][response.request["REQUEST_METHOD"].lower()]
    described = operation["responses"][str(response.status_code)]
    schema = described["content"][response["Content-Type"]]["schema"]
    validator = jsonschema.Draft202012Validator({**schema, "components": document["components"]})
    validator.validate(response.json())
    for name in ("Location", "Retry-After"):
        assert name not in response or name in described["headers"], name
    return response.status_code


def operations(document):
    return {(path, method) for path, methods in document["paths"].items() for method in methods}


@pytest.mark.django_db
def test_real_answers_are_what_the_document_says(document, gateway, pay, clerk, buyer, signed_in):
    payment = pay(customer=buyer)
    wish = "/payments/{payment_id}/cancellations/"
    retry = "/cancellations/{cancellation_id}/retry/"
    shown = "/payments/{payment_id}/"
    for code, expected in [("CANCEL_WINDOW_EXCEED", 201), ("INVALID_SIGNATURE", 202)]:
        signed = expected == 201
        gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code=code, signed=signed)
        asked = ask(clerk, payment)
        assert conforms(document, wish, asked) == expected
    seen = "/cancellations/{cancellation_id}/"
    assert conforms(document, retry, clerk.post(asked["Location"] + "retry/")) == 202
    assert conforms(document, seen, clerk.get(asked["Location"])) == 200
    Cancellation.objects.filter(status="PENDING").update(next_attempt_at=timezone.now())
    assert conforms(document, wish, ask(clerk, payment)) == 201
    assert conforms(document, wish, ask(clerk, payment)) == 200
    assert conforms(document, wish, clerk.get(cancellations_of(payment))) == 200
    assert conforms(document, shown, clerk.get(f"/alipay/payments/{payment.pk}/")) == 200
    refresh = clerk.post(f"/alipay/payments/{payment.pk}/refresh/")
    assert conforms(document, "/payments/{payment_id}/refresh/", refresh) == 200
    assert conforms(document, "/payments/", clerk.get("/alipay/payments/")) == 200
    assert conforms(document, "/payments/", clerk.get("/alipay/payments/?x=1")) == 400
    assert conforms(document, wish, ask(clerk, payment, {"x": 1})) == 400
    assert conforms(document, wish, ask(signed_in(buyer), payment)) == 403
    assert conforms(document, shown, clerk.get(f"/alipay/payments/{UNKNOWN}/")) == 404


def test_every_example_fits_its_schema(document):
    examples = 0
    for path, method in operations(document):
        for described in document["paths"][path][method]["responses"].values():
            content = described["content"]["application/json"]
            schema = {**content["schema"], "components": document["components"]}
            for example in content.get("examples", {}).values():
                jsonschema.Draft202012Validator(schema).validate(example["value"])
                examples += 1
    assert examples > 50


def test_every_route_is_described(document):
    assert operations(document) == {
        ("/payments/", "get"),
        ("/payments/{payment_id}/", "get"),
        ("/payments/{payment_id}/refresh/", "post"),
        ("/payments/{payment_id}/cancellations/", "get"),
        ("/payments/{payment_id}/cancellations/", "post"),
        ("/cancellations/{cancellation_id}/", "get"),
        ("/cancellations/{cancellation_id}/retry/", "post"),
    }
