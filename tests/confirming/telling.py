"""What a run of confirm_gateway says, read and written, and a client that asks like it."""

from __future__ import annotations

import json

import pytest

from django_alipay_cancel.alipay.client import AlipayClient, Credentials
from django_alipay_cancel.confirming.asking import Said

# The command asks calls, and no row is written.
NO_ROWS = pytest.mark.django_db
REFUSED_PAY = {"api": "pay", "result_code": "INVALID_PAYMENT_CODE", "result_status": "F"}


def said(points, point, step):
    return Said(**points[point]["said"][step])


def words(points):
    return {
        (point, step): str(said(points, point, step))
        for point in points
        for step in points[point]["said"]
    }


def differing(told):
    return [line.removesuffix(" *") for line in told.splitlines() if line.endswith(" *")]


def written(tmp_path, **points):
    """Write a file in which each point's steps were said so, signed unless given."""
    told = {
        name: {
            "assumed": "",
            "fake": {},
            "said": {
                step: Said(**{"http_status": 200, "signed": "yes", **facts}).facts()
                for step, facts in steps.items()
            },
        }
        for name, steps in points.items()
    }
    file = tmp_path / "written.json"
    file.write_text(json.dumps({"format": 1, "points": told}))
    return file


def client_of(gateway):
    credentials = Credentials(
        client_id=gateway.client_id,
        private_key=gateway.keys.merchant,
        alipay_public_keys=(("1", gateway.keys.alipay.public_key()),),
        gateway_url=gateway.url,
    )
    return AlipayClient(credentials)
