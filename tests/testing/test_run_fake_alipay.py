"""manage.py run_fake_alipay, as a process of its own."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from django_alipay_cancel.alipay.client import AlipayClient, Credentials
from django_alipay_cancel.alipay.signing import load_private_key, load_public_key

COMMAND = [sys.executable, "-m", "django", "run_fake_alipay", "--settings", "tests.settings"]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """Run the command; yield it and what it printed until it serves."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        printed = ""
        while "Serving" not in printed and process.poll() is None:
            printed += process.stdout.readline()
        yield process, printed
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=30)


def url_in(printed: str) -> str:
    return printed.rpartition("Serving ")[2].split()[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_the_setting_and_the_payments_and_serves_until_it_is_stopped(number):
    with running() as (process, printed):
        setting = json.loads(printed.partition("ALIPAY_CANCEL = ")[2].partition("\n}\n")[0] + "}")
        assert setting["MERCHANTS"]["default"]["GATEWAY_URL"] == url_in(printed)
        assert "demo-success" in printed
        listed = requests.get(f"{url_in(printed)}/fake/payments", timeout=5).json()["payments"]
        assert [
            each["status"] for each in listed if "processing" in each["payment_request_id"]
        ] == ["PROCESSING"]
        process.send_signal(number)
        assert process.communicate(timeout=30)[0] == "Stopped.\n"
        assert process.returncode == 0


def test_a_restart_keeps_the_keys_of_the_settings_file(tmp_path):
    path = tmp_path / "alipay.json"
    told = []
    for _ in range(2):
        with running("--settings-file", str(path)) as (_, printed):
            told.append(json.loads(path.read_text())["MERCHANTS"]["default"])
            assert told[-1]["GATEWAY_URL"] == url_in(printed)
    first, second = told
    for name in ("PRIVATE_KEY", "ALIPAY_PUBLIC_KEY", "CLIENT_ID"):
        assert first[name] == second[name]
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "alipay.json",
        "alipay.json.alipay-key",
    ]
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o600}


def test_payments_are_read_from_a_file(tmp_path):
    path = tmp_path / "payments.json"
    path.write_text('[{"payment_request_id": "order-7", "paid_at": "2024-03-01T10:00:00+08:00"}]')
    with running("--payments", str(path)) as (_, printed):
        (payment,) = requests.get(f"{url_in(printed)}/fake/payments", timeout=5).json()["payments"]
    assert payment["payment_request_id"] == "order-7"
    assert payment["paid_at"] == "2024-03-01T10:00:00+08:00"


def test_it_speaks_https_under_an_authority_of_its_own(tmp_path):
    ca_file, path = tmp_path / "ca.pem", tmp_path / "alipay.json"
    with running("--tls", str(ca_file), "--settings-file", str(path)) as (_, printed):
        entry = json.loads(path.read_text())["MERCHANTS"]["default"]
        assert entry["CA_BUNDLE"] == str(ca_file)
        assert f"SSL_CERT_FILE={ca_file}" in printed
        assert "--port 443" in printed
        url = url_in(printed)
        assert url.startswith("https://127.0.0.1:")
        assert entry["GATEWAY_URL"] == url
        for name in (url, url.replace("127.0.0.1", "localhost")):
            listed = requests.get(f"{name}/fake/payments", verify=str(ca_file), timeout=5)
            assert listed.status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{url}/fake/payments", timeout=5)
        client = AlipayClient(
            Credentials(
                client_id=entry["CLIENT_ID"],
                private_key=load_private_key(entry["PRIVATE_KEY"]),
                alipay_public_keys=(("1", load_public_key(entry["ALIPAY_PUBLIC_KEY"])),),
                gateway_url=entry["GATEWAY_URL"],
                ca_bundle=entry["CA_BUNDLE"],
            )
        )
        answer = client.inquire(
            client.request_body(payment_request_id="demo-success", payment_id=None)
        )
        assert (answer.error, answer.payment_status) == ("", "SUCCESS")
    assert b"PRIVATE KEY" not in ca_file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "content", "message"),
    [
        (["--payments", "FILE"], "{", "FILE cannot be used"),
        (["--payments", "FILE"], "[5]", "must be a JSON object"),
        (["--payments", "FILE"], '[{"status": "PAID"}]', "PAID"),
        (["--settings-file", "FILE"], "{}", "holds no keys"),
        (["--settings-file", "/does/not/exist.json"], "", "/does/not/exist.json cannot be written"),
        (["--tls", "/does/not/exist.pem"], "", "/does/not/exist.pem cannot be written"),
        (["--port", "99999"], "", "Port 99999 cannot be used"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(tmp_path, arguments, content, message):
    path = tmp_path / "FILE"
    path.write_text(content)
    (tmp_path / "FILE.alipay-key").write_text("no key")
    arguments = [str(path) if each == "FILE" else each for each in arguments]
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
