"""The example shop as a newcomer meets it: the demo, and the site with its worker."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.once]

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "example_project"
SECONDS = 60

# Reference: payment status, cancellation status, calls made, Alipay's code, next step.
TABLE = {
    "T-01": ("CANCELLED", "SUCCEEDED", "1", "SUCCESS", "NONE"),
    "T-02": ("CANCELLED", "SUCCEEDED", "1", "SUCCESS", "NONE"),
    "T-03": ("CANCELLED", "SUCCEEDED", "1", "SUCCESS", "NONE"),
    "T-04": ("CANCELLED", "SUCCEEDED", "2", "SUCCESS", "NONE"),
    "T-05": ("CANCELLING", "NEEDS_REVIEW", "1", "SUCCESS (id_mismatch)", "CONTACT_ALIPAY"),
    "T-06": ("SUCCESS", "REJECTED", "2", "CANCEL_WINDOW_EXCEED", "REFUND"),
    "T-07": ("SUCCESS", "REJECTED", "2", "MERCHANT_BALANCE_NOT_ENOUGH", "TOP_UP_BALANCE"),
    "T-08": ("SUCCESS", "REJECTED", "2", "PAYMENT_METHOD_NOT_SUPPORTED", "REFUND"),
    "T-09": ("CANCELLED", "SUCCEEDED", "4", "SUCCESS", "NONE"),
    "T-10": ("PROCESSING", "REJECTED", "7", "ORDER_NOT_EXIST", "CHECK_PAYMENT_ID"),
    "T-11": ("SUCCESS", "REJECTED", "2", "PROCESS_FAIL", "CONTACT_ALIPAY"),
    "T-12": ("FAIL", "SUCCEEDED", "2", "SUCCESS", "NONE"),
    "T-13": ("CANCELLED", "SUCCEEDED", "4", "SUCCESS", "NONE"),
    "T-14": ("CANCELLED", "SUCCEEDED", "2", "SUCCESS", "NONE"),
    "T-15": ("CANCELLED", "SUCCEEDED", "2", "SUCCESS", "NONE"),
    "T-16": (
        "CANCELLING", "NEEDS_REVIEW", "1", "INVALID_SIGNATURE (unsigned)", "FIX_CONFIGURATION",
    ),
    "T-17": ("CANCELLING", "PENDING", "0", "(connection_failed)", "WAIT"),
    "T-18": ("CANCELLING", "NEEDS_REVIEW", "11", "UNKNOWN_EXCEPTION", "CONTACT_ALIPAY"),
    "T-19": ("CANCELLED", "SUCCEEDED", "2", "SUCCESS", "NONE"),
    "T-20": ("CANCELLED", "SUCCEEDED", "2", "SUCCESS", "NONE"),
    "T-28": ("CANCELLED", "SUCCEEDED", "6", "SUCCESS", "NONE"),
    "T-29": ("CANCELLED", "SUCCEEDED", "2", "SUCCESS", "NONE"),
    "T-30": ("CANCELLED", "SUCCEEDED", "4", "SUCCESS", "NONE"),
}  # fmt: skip


def environment(scratch: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)}


def python(*arguments: str | Path, scratch: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=EXAMPLE,
        env=environment(scratch),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


# The demo


def test_the_demo_ends_each_scenario_as_the_table_of_answers_says(tmp_path: Path) -> None:
    done = python("demo.py", scratch=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [re.split(r"  +", line) for line in done.stdout.splitlines() if line.startswith("T-")]
    assert {row[0]: tuple(row[2:7]) for row in rows} == TABLE
    assert all(re.fullmatch(r"\d+\.\d\d USD", row[1]) for row in rows)
    calls = sum(int(row[4]) for row in rows)
    assert (
        f"23 payments: 3 NEEDS_REVIEW, 1 PENDING, 5 REJECTED, 14 SUCCEEDED; {calls} calls in"
    ) in done.stdout.splitlines()[-1]


def test_the_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    done = python("demo.py", scratch=tmp_path)
    assert list(tmp_path.iterdir()) == []
    port = re.search(r"http://127\.0\.0\.1:(\d+)", done.stdout)
    assert port is not None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port[1])))


def test_the_demo_fails_when_a_scenario_ends_otherwise(tmp_path: Path) -> None:
    done = python(
        "-c",
        "import dataclasses, sys, demo, scenarios\n"
        "wrong = scenarios.CANCELLED._replace(payment='FAIL')\n"
        "scenarios.PLAYED = (dataclasses.replace(scenarios.PLAYED[0], ends=wrong),)\n"
        "scenarios.PATIENCE = 0.5\n"
        "sys.exit(demo.main())",
        scratch=tmp_path,
    )
    assert done.returncode == 1
    assert "T-01 should have ended as Ends(payment='FAIL'" in done.stdout


# The site


class Browser(requests.Session):
    """A session at the site that sends the CSRF token as a page's script does."""

    def __init__(self, site: str) -> None:
        super().__init__()
        self.site = site
        self.trust_env = False

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        headers = {"X-CSRFToken": self.cookies.get("csrftoken", ""), "Referer": self.site}
        kwargs["headers"] = {**headers, **(kwargs.get("headers") or {})}
        kwargs.setdefault("timeout", SECONDS)
        return super().request(method, self.site + url, *args, **kwargs)

    def sign_in(self, name: str) -> Browser:
        self.get("/login/")
        answer = self.post("/login/", data={"username": name, "password": name})
        assert answer.url.endswith("/orders/")
        return self

    def payment(self, reference: str) -> dict[str, Any]:
        found = self.get(f"/alipay/payments/?reference={reference}").json()["results"]
        assert len(found) == 1
        return dict(found[0])

    def row(self, reference: str) -> str:
        """Return the HTML of one order's row."""
        page = self.get("/orders/").text
        row = re.search(rf'<tr data-order="{reference}".*?</tr>', page, re.DOTALL)
        assert row is not None
        return row[0]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def site(scratch: Path) -> Iterator[str]:
    """The address of a running site; its processes end with the module, cleanly."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, EXAMPLE / "serve.py", "--port", str(port)],
        env={**environment(scratch), "PYTHONFAULTHANDLER": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        address = f"http://127.0.0.1:{port}"
        assert any(f"{address}/orders/" in line for line in lines), "".join(lines)
        yield address
        # Not SIGINT: a shell lets its background jobs ignore that.
        process.terminate()
        process.communicate(timeout=SECONDS)
        assert process.returncode == 0
    finally:
        process.send_signal(signal.SIGABRT)  # what hangs says where
        process.wait()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert list(scratch.iterdir()) == []


@pytest.fixture
def buyer(site: str) -> Browser:
    return Browser(site).sign_in("buyer")


def test_a_stranger_is_led_to_the_sign_in_page(site: str) -> None:
    answer = Browser(site).get("/orders/")
    assert answer.url == f"{site}/login/?next=/orders/"


def test_the_orders_page_offers_to_cancel_what_can_be_cancelled(buyer: Browser) -> None:
    assert "data-cancel " in buyer.row("T-21")
    assert "data-cancel " not in buyer.row("T-01"), "Its payment is cancelled."
    assert "data-cancel " not in buyer.row("T-18"), "Its cancellation is open."
    assert "data-cancellation=" in buyer.row("T-18")


def test_the_orders_page_explains_itself_without_javascript(buyer: Browser) -> None:
    page = buyer.get("/orders/").text
    plain = re.search(r"<noscript>(.*?)</noscript>", page, re.DOTALL)
    assert plain is not None
    assert '<a href="mailto:' in plain[1]
    # Buttons that need the script are shown by the script.
    assert all("hidden" in button for button in re.findall(r"<button[^>]*data-cancel[^>]*>", page))


def test_the_orders_page_speaks_chinese(buyer: Browser) -> None:
    page = buyer.get("/orders/", headers={"Accept-Language": "zh-hans"}).text
    assert '<html lang="zh-hans">' in page
    assert "取消支付" in page
    assert "Cancel payment" not in page


def test_the_script_of_the_orders_page_is_served(buyer: Browser) -> None:
    source = re.search(r'<script src="([^"]+)"', buyer.get("/orders/").text)
    assert source is not None
    assert "showModal" in buyer.get(source[1]).text


def test_a_cancelled_payment_cancels_the_order(buyer: Browser) -> None:
    payment = buyer.payment("T-21")
    answer = buyer.post(f"/alipay/payments/{payment['id']}/cancellations/")
    assert answer.status_code == 201
    assert answer.json()["status"] == "SUCCEEDED"
    assert "<td data-state>cancelled</td>" in buyer.row("T-21")


def test_a_refused_cancellation_leaves_the_order_and_says_what_next(buyer: Browser) -> None:
    payment = buyer.payment("T-26")
    answer = buyer.post(f"/alipay/payments/{payment['id']}/cancellations/")
    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["next_step"]) == ("REJECTED", "REFUND")
    assert "<td data-state>paid</td>" in buyer.row("T-26")


def test_the_worker_beside_the_site_finishes_what_has_no_result(buyer: Browser) -> None:
    payment = buyer.payment("T-24")
    answer = buyer.post(f"/alipay/payments/{payment['id']}/cancellations/")
    assert answer.status_code == 202
    assert int(answer.headers["Retry-After"]) >= 1
    give_up = time.monotonic() + SECONDS
    while (cancellation := buyer.get(f"/alipay/cancellations/{answer.json()['id']}/").json())[
        "status"
    ] == "PENDING":
        assert time.monotonic() < give_up
        time.sleep(0.5)
    assert cancellation["status"] == "SUCCEEDED"
    assert "<td data-state>cancelled</td>" in buyer.row("T-24")


def test_a_script_without_the_csrf_token_is_refused(buyer: Browser) -> None:
    payment = buyer.payment("T-22")
    path = f"/alipay/payments/{payment['id']}/cancellations/"
    assert buyer.post(path, headers={"X-CSRFToken": ""}).status_code == 403
    assert buyer.payment("T-22")["status"] == "AUTHORIZED"


def test_an_expired_sign_in_is_told_from_a_refusal_by_the_page_itself(site: str) -> None:
    """The script asks for the page again and leaves for the sign-in page on a redirect."""
    stranger = Browser(site)
    assert stranger.get("/alipay/payments/").status_code in (401, 403)
    assert stranger.get("/orders/", allow_redirects=False).status_code == 302


@pytest.mark.parametrize("name", ["operator", "clerk", "viewer"])
def test_staff_reach_the_payments_in_the_admin(site: str, name: str) -> None:
    browser = Browser(site).sign_in(name)
    assert browser.get("/admin/django_alipay_cancel/payment/").status_code == 200


# The till


class Till(Browser):
    """A clerk at the till."""

    def sell(self) -> str:
        """Start a sale and return its address."""
        answer = self.post("/till/")
        assert answer.status_code == 200
        assert "https://fake-alipay.invalid/ordercode/" in answer.text
        return answer.url.removeprefix(self.site)

    def wait_until_over(self, sale: str, seconds: float = SECONDS) -> dict[str, Any]:
        give_up = time.monotonic() + seconds
        while not (state := self.get(f"{sale}state/").json())["over"]:
            assert time.monotonic() < give_up
            time.sleep(0.2)
        return dict(state)


@pytest.fixture
def till(site: str) -> Till:
    browser = Till(site)
    browser.sign_in("clerk")
    return browser


def test_a_sale_at_the_till_is_paid_and_told_by_a_notification(till: Till) -> None:
    sale = till.sell()
    assert "Do not hand over the goods" in till.get(sale).text
    till.post(f"{sale}pay/")
    state = till.wait_until_over(sale, 5)
    assert (state["payment"], state["sentence"]) == ("SUCCESS", "Paid. Hand over the goods.")
    assert state["seconds"] < 10


def test_a_sale_whose_buyer_loses_the_network_is_cancelled_by_itself(till: Till) -> None:
    """The first use case: no payment result for a long time."""
    sale = till.sell()
    state = till.wait_until_over(sale)
    assert state["payment"] == "CANCELLED"
    assert state["seconds"] >= 25
    number = sale.split("/")[2]
    payment = till.payment(number)
    (cancellation,) = till.get(f"/alipay/payments/{payment['id']}/").json()["cancellations"]
    assert cancellation["source"] == "no_result"
    till.post(f"{sale}pay/")  # too late: Alipay gives the money back by itself
    assert till.get(f"{sale}state/").json()["payment"] == "CANCELLED"


def test_a_sale_can_be_asked_about_and_cancelled_by_hand(till: Till) -> None:
    sale = till.sell()
    assert till.post(f"{sale}ask/").url.endswith(sale)
    assert till.get(f"{sale}state/").json()["payment"] == "PROCESSING"
    till.post(f"{sale}cancel/")
    assert till.get(f"{sale}state/").json()["payment"] == "CANCELLED"
    assert till.post(f"{sale}cancel/").status_code == 200
    assert till.post(f"{sale}smash/").status_code == 404


def test_a_sale_whose_payment_fails_is_told_so(till: Till) -> None:
    sale = till.sell()
    till.post(f"{sale}fail/")
    assert till.wait_until_over(sale, 5)["payment"] == "FAIL"


def test_the_till_is_for_the_staff(buyer: Browser) -> None:
    assert buyer.get("/till/").status_code == 403
    assert buyer.post("/till/").status_code == 403


def test_the_till_speaks_chinese(till: Till) -> None:
    page = till.get(till.sell(), headers={"Accept-Language": "zh-hans"}).text
    assert "买家的手机断网" in page
    assert "Ask Alipay" not in page


def test_a_taken_port_is_told_in_one_sentence(site: str, tmp_path: Path) -> None:
    port = site.rpartition(":")[2]
    done = python("serve.py", "--port", port, scratch=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"Port {port} cannot be used; choose another: make serve PORT=8001.\n"
