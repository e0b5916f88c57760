"""The check boxes of both lists are named by what people know a row by."""

from __future__ import annotations

import re

import pytest

from django_alipay_cancel import services
from tests.admin.conftest import ADMIN, text

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", ["payment", "cancellation"])
def test_a_check_box_is_named_by_reference_and_status(pay, clerk, model):
    cancellation = services.cancel_payment(pay('order-"1"'))
    row = cancellation if model == "cancellation" else cancellation.payment
    page = text(clerk.get(f"{ADMIN}{model}/"))
    [box] = re.findall(r'<input type="checkbox" name="_selected_action".*?>', page)
    assert f'value="{row.pk}"' in box
    assert f'aria-label="Select order-"1", {row.get_status_display()}"' in box
    assert 'id="action-toggle"' in page
