"""What the documentation shows works: its Python is run, and its tutorial followed from nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone

from django_alipay_cancel import services, signals
from django_alipay_cancel.checks import check_settings
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import Fault
from tests.shop.models import Order
from tests.test_wording import FORBIDDEN

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "django_alipay_cancel"
TUTORIAL = ROOT / "docs/tutorial/first-cancellation.md"
# Has tests of its own: tests/api/test_docs.py.
REST = ROOT / "docs/rest.md"
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")} - {REST})


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the line it begins on."""

    language: str
    text: str
    line: int

    @property
    def is_tests(self) -> bool:
        """Whether it is for pytest rather than to be run as it stands."""
        return bool(re.search(r"^def test_|^@pytest", self.text, re.MULTILINE))


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2], text[: found.start(2)].count("\n"))
        for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


def pages_with(condition) -> list:
    """Return the pages with Python that meets the condition, each under its own name."""
    return [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if page != TUTORIAL
        and any(block.language == "python" and condition(block) for block in blocks(page))
    ]


@pytest.fixture
def shown_names(gateway, monkeypatch, transactional_db):
    """What the pages take for granted: a request, a payment with its order, keys, a queue."""
    keys = gateway.merchant_settings()
    for suffix in ("", "_ASIA"):
        monkeypatch.setenv(f"ALIPAY_CLIENT_ID{suffix}", keys["CLIENT_ID"])
        monkeypatch.setenv(f"ALIPAY_PRIVATE_KEY{suffix}", keys["PRIVATE_KEY"])
        monkeypatch.setenv(f"ALIPAY_PUBLIC_KEY{suffix}", keys["ALIPAY_PUBLIC_KEY"])
    gateway.add_payment(payment_request_id="pay-1")
    payment = services.record_payment(payment_request_id="pay-1", reference="order-1")
    Order.objects.create(number="order-1", payment=payment)
    gateway.add_payment(payment_request_id="pay-2")
    services.record_payment(payment_request_id="pay-2", reference="order-2")
    Order.objects.create(number="order-2")
    return {
        "Order": Order,
        "gateway": gateway,
        "outbox": [],
        "paid_at": timezone.now(),
        "payment": payment,
        "request": SimpleNamespace(user=User.objects.create_user("buyer")),
    }


@pytest.fixture
def celery_runs_at_once():
    """Celery as a Django project sets it up, carrying out each task where it is enqueued."""
    celery = pytest.importorskip("celery")
    app = celery.Celery("shop", task_cls="celery.contrib.django.task:DjangoTask")
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    app.set_current()
    app.autodiscover_tasks(["django_alipay_cancel"], force=True)
    yield app
    app.close()


@pytest.fixture
def receivers_of_a_page():
    """Disconnect afterwards whatever a page connects."""
    known = [each for each in vars(signals).values() if isinstance(each, signals.Signal)]
    before = [list(signal.receivers) for signal in known]
    yield
    for signal, receivers in zip(known, before, strict=True):
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


def add_shown_payments(gateway, page: Path) -> None:
    """Let FakeAlipay know the payments whose ids a page shows, but those it adds by itself."""
    text = page.read_text(encoding="utf-8").replace("add_payment(payment_request_id", "")
    ours = dict.fromkeys(re.findall(r'payment_request_id="([^"]+)"', text))
    theirs = dict.fromkeys(re.findall(r'[ (]payment_id="([^"]+)"', text))
    # Those of run_fake_alipay have ids of their own.
    demo = [each for each in ours if each.startswith("demo-")]
    for request_id in demo:
        gateway.add_payment(payment_request_id=request_id)
    others = [each for each in ours if each not in demo]
    for request_id, payment_id in zip_longest(others, theirs):
        gateway.add_payment(payment_request_id=request_id, payment_id=payment_id)


def run(page: Path, block: Block, names: dict) -> None:
    """Run a block so that an error shows the page and its line."""
    code = compile("\n" * block.line + block.text, str(page), "exec")
    exec(code, names)


@pytest.mark.parametrize("page", pages_with(lambda block: not block.is_tests))
def test_the_python_of_a_page_runs(
    page, gateway, settings, shown_names, celery_runs_at_once, receivers_of_a_page, caplog
):
    add_shown_payments(gateway, page)
    names = {**shown_names, "__name__": "page"}
    for block in blocks(page):
        if block.language != "python" or block.is_tests:
            continue
        names.pop("ALIPAY_CANCEL", None)
        run(page, block, names)
        if "ALIPAY_CANCEL" in names:
            settings.ALIPAY_CANCEL = names["ALIPAY_CANCEL"]
            assert check_settings() == []
            # Whatever the page sets up, FakeAlipay stands where Alipay would.
            merchants = dict.fromkeys(names["ALIPAY_CANCEL"]["MERCHANTS"])
            here = {alias: gateway.merchant_settings() for alias in merchants}
            settings.ALIPAY_CANCEL = {**names["ALIPAY_CANCEL"], "MERCHANTS": here}
        if "urlpatterns" in names:
            settings.ROOT_URLCONF = ModuleType("page_urls")
            settings.ROOT_URLCONF.urlpatterns = names.pop("urlpatterns")
        for entry in names.get("CELERY_BEAT_SCHEDULE", {}).values():
            assert entry["task"] in celery_runs_at_once.tasks
    # What a page asked for ends well, and its receivers take the news.
    services.request_cancellation(shown_names["payment"])
    services.process_due_cancellations()
    assert set(Cancellation.objects.values_list("status", flat=True)) == {"SUCCEEDED"}
    assert "Error calling" not in caplog.text
    if "Order.objects.filter(payment=payment).update" in page.read_text(encoding="utf-8"):
        assert Order.objects.get(number="order-1").state == "cancelled"
    if "link_orders" in names:
        assert Order.objects.get(number="order-2").payment.payment_request_id == "pay-2"
    if "notify" in names:
        headers, body = gateway.notification("pay-1", path="/notify/")
        for sent, status in ((body, 200), (body + b" ", 400)):
            request = RequestFactory().post("/notify/", sent, "application/json", headers=headers)
            assert names["notify"](request).status_code == status
    if "outbox" in page.read_text(encoding="utf-8"):
        assert [message["reference"] for message in names["outbox"]] == ["order-1"]


def test_the_sql_that_leads_from_cancelling_to_its_cause_finds_the_row(gateway, shown_names):
    gateway.misbehave(Fault.ANSWER_LOST_AFTER)
    services.cancel_payment(shown_names["payment"])
    page = ROOT / "docs/how-to/stays-in-cancelling.md"
    languages = ["sql", "postgresql"] if connection.vendor == "postgresql" else ["sql"]
    for block in blocks(page):
        if block.language not in languages:
            continue
        with connection.cursor() as cursor:
            cursor.execute(block.text)
            found = cursor.fetchall()
        assert len(found) == (1 if block.language == "sql" else 0), block.text


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("page", pages_with(lambda block: block.is_tests))
def test_the_tests_that_a_page_shows_pass(page, tmp_path):
    shown = [block for block in blocks(page) if block.language == "python" and block.is_tests]
    imports = "from django_alipay_cancel import services\n"  # of an earlier block of the page
    module = tmp_path / "test_shown.py"
    module.write_text(imports + "\n".join(block.text for block in shown), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(module)],
        cwd=tmp_path,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    tests = sum(block.text.count("def test_") for block in shown)
    assert done.stdout.splitlines()[-1].startswith(f"{tests} passed"), done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.once
def test_the_tutorial_leads_from_nothing_to_what_it_prints(tmp_path):
    clone = tmp_path / "django-alipay-cancel"
    clone.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    shutil.copytree(
        ROOT / "django_alipay_cancel",
        clone / "django_alipay_cancel",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    steps = blocks(TUTORIAL)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", as_script(steps)],
        cwd=tmp_path,
        env=bare_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    for expected in (line for step in steps if step.language == "text" for line in lines(step)):
        assert expected in printed.splitlines(), printed


def lines(step: Block) -> list[str]:
    return step.text.splitlines()


def as_script(steps: list[Block]) -> str:
    """Return the tutorial as one script: its commands, and its Python in the files it names."""
    parts = ["trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for step in steps:
        if step.language == "sh":
            parts.append(step.text)
        file = re.match(r"# ([\w/.]+\.py)(, at the end)?\n", step.text)
        if step.language == "python" and file:
            into = ">>" if file[2] else ">"
            parts.append(f"cat {into} {file[1]} <<'END OF FILE'\n{step.text}END OF FILE\n")
    return "\n".join(parts)


def bare_environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which nothing of this project's own is found, but its Python."""
    interpreter = tmp_path / "bin" / "python3"
    interpreter.parent.mkdir()
    interpreter.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    interpreter.chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DJANGO_SETTINGS_MODULE", "PYTHONPATH", "VIRTUAL_ENV")
    }
    return {
        **kept,
        "PATH": f"{interpreter.parent}{os.pathsep}{os.environ['PATH']}",
        "DJANGO_SUPERUSER_PASSWORD": "tutorial",
    }


def test_a_sandbox_setting_of_the_tutorial_passes_the_checks(settings, shown_names):
    [block] = [block for block in blocks(TUTORIAL) if '"GATEWAY_URL": "https://' in block.text]
    names: dict = {}
    run(TUTORIAL, block, names)
    settings.ALIPAY_CANCEL = names["ALIPAY_CANCEL"]
    assert check_settings() == []


def test_a_link_from_the_front_pages_leads_somewhere():
    broken = [
        f"{page.name}: {target}"
        for page in ROOT.glob("*.md")
        for target in re.findall(r"\]\(([^)#]+\.md)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (ROOT / target).exists()
    ]
    assert broken == []


def test_the_files_that_the_map_of_the_house_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    start = text.index("## The house")
    rows = text[start : text.index("## The rules")].splitlines()
    missing, found = [], 0
    for row in rows:
        folder = PACKAGE
        for name in re.findall(r"`([\w/]+(?:\.py|/))`", row):
            near = next((f for f in (folder, PACKAGE, ROOT) if (f / name).exists()), None)
            if near is None:
                missing.append(name)
                continue
            folder = (near / name).parent
            found += 1
    assert missing == []
    assert found > 50


@pytest.mark.parametrize("name", ["README.md", "README.zh-hans.md"])
def test_the_front_page_stays_short(name):
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) < 200


@pytest.mark.parametrize(
    "page",
    [
        "README.zh-hans.md",
        *sorted(str(each.relative_to(ROOT)) for each in ROOT.glob("docs/zh/*.md")),
    ],
)
def test_the_chinese_pages_keep_to_the_glossary(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [word for word in FORBIDDEN["zh-hans"] if word in text] == []


def test_the_collector_finds_a_block_with_its_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        textwrap.dedent("""\
        Text

        ```python
        1 / 0
        ```
        """)
    )
    [block] = blocks(page)
    assert block == Block("python", "1 / 0\n", 3)
    with pytest.raises(ZeroDivisionError) as error:
        run(page, block, {})
    assert error.traceback[-1].lineno == 3  # counted from 0: the page's fourth line
