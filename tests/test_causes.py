"""Each cause of a signature that does not verify is made with real bytes, and told by its name."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1

from django_alipay_cancel import services
from django_alipay_cancel.alipay.causes import CAUSES
from django_alipay_cancel.alipay.results import KEY_CODES
from django_alipay_cancel.alipay.signing import content_to_be_signed
from django_alipay_cancel.models import CancellationAttempt
from django_alipay_cancel.testing.keys import new_key
from django_alipay_cancel.testing.wire import Seal
from django_alipay_cancel.wording import error_sentence, result_sentence
from tests.admin.conftest import page_of, text
from tests.test_check_alipay import command
from tests.trust.test_notifications import post

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ROOT = Path(__file__).parent.parent
CLIENT_ID = "SANDBOX_5X00000000000000"
TIME = "2026-01-02T11:04:05+08:00"
STRANGER = new_key()
VERIFIED = f"keyVersion 1, client ID {CLIENT_ID}, %(time)s {TIME}, path %(path)s"


@dataclass
class Sent:
    """What travels: `time` names the header with the time."""

    headers: dict[str, str]
    body: bytes
    time: str
    seal: Seal

    def sealed(self, **changes):
        """Sign as somebody else would."""
        seal = replace(self.seal, **changes)
        return replace(self, headers=self.headers | {"signature": seal.signature(self.body)})

    def signed_with(self, value):
        """Put another value in the place of the signature."""
        head = self.headers["signature"].partition("signature=")[0]
        return self.with_headers(signature=f"{head}signature={value}")

    def with_headers(self, **headers):
        return replace(self, headers=self.headers | headers)

    def without(self, name):
        return replace(self, headers={n: v for n, v in self.headers.items() if n != name})

    @property
    def value(self):
        return self.headers["signature"].partition("signature=")[2]


def _by_sha1(sent):
    content = content_to_be_signed(
        path=sent.seal.uri, client_id=CLIENT_ID, time=TIME, body=sent.body
    )
    made = base64.b64encode(sent.seal.key.sign(content, PKCS1v15(), SHA1()))
    return sent.signed_with(quote(made, safe=""))


def _of_another_size(sent):
    return sent.sealed(key=rsa.generate_private_key(public_exponent=65537, key_size=3072))


TELL_OTHER_KEY = (
    "No key in ALIPAY_PUBLIC_KEY made this signature. Check ALIPAY_PUBLIC_KEY in the settings. It "
    "must be Alipay's key for this client ID. Verified: %s."
)
TELL_CHANGED = (
    "ALIPAY_PUBLIC_KEY is right, but another text was signed: something on the way changed the "
    "body, the path, the time or the client ID. Verified: %s."
)

# The cause, how it is made, the sentence: of answers and of notifications alike.
TABLE = [
    ("other_key", lambda s: s.sealed(key=STRANGER), TELL_OTHER_KEY % VERIFIED),
    (
        "other_key",
        lambda s: s.sealed(key=STRANGER, key_version="7"),
        TELL_OTHER_KEY
        % VERIFIED.replace("keyVersion 1", "keyVersion 7 (in ALIPAY_PUBLIC_KEY: 1, 2)"),
    ),
    (
        "changed_text",
        lambda s: replace(s, body=json.dumps(json.loads(s.body)).encode()),
        TELL_CHANGED % VERIFIED,
    ),
    (
        "changed_text",
        lambda s: s.sealed(uri=f"/pay{s.seal.uri}"),
        TELL_CHANGED % VERIFIED,
    ),
    ("changed_text", lambda s: s.sealed(client_id="5X9"), TELL_CHANGED % VERIFIED),
    ("changed_text", lambda s: s.sealed(time="2026"), TELL_CHANGED % VERIFIED),
    (
        "other_hash",
        _by_sha1,
        "ALIPAY_PUBLIC_KEY is right, but the signature is not over a SHA-256. "
        f"Verified: {VERIFIED}.",
    ),
    (
        "other_length",
        _of_another_size,
        "The signature was cut off, or made with a key of another size: 384 bytes instead of 256.",
    ),
    (
        "header_missing",
        lambda s: s.without("signature"),
        "The header signature is missing: something on the way took it out.",
    ),
    (
        "header_missing",
        lambda s: s.without(s.time),
        "The header %(time)s is missing: something on the way took it out.",
    ),
    (
        "blanks",
        lambda s: s.signed_with(unquote(s.value).replace("/", " ").replace("+", " ")),
        "The signature holds blanks: something on the way took each + of it for one.",
    ),
    (
        "not_base64",
        lambda s: s.signed_with(unquote(s.value)[:89]),
        "The signature is not base64; it may be cut off.",
    ),
    (
        "part_missing",
        lambda s: s.with_headers(signature="algorithm=RSA256,keyVersion=1"),
        "The header signature has no part signature.",
    ),
    (
        "part_doubled",
        lambda s: s.with_headers(signature=f"{s.headers['signature']},signature=AAAA"),
        "The part signature of the header signature came twice.",
    ),
    (
        "other_algorithm",
        lambda s: s.with_headers(signature=s.headers["signature"].replace("RSA256", "RSA512")),
        "The header signature names the algorithm 'RSA512' instead of RSA256.",
    ),
    (
        "other_client",
        lambda s: s.with_headers(**{"client-id": "5X9"}),
        "It is for the client ID 5X9 instead of CLIENT_ID.",
    ),
    (
        "not_ascii",
        lambda s: s.with_headers(**{s.time: f"{TIME}\xff"}),
        "The %(time)s holds other characters than those of ASCII.",
    ),
]
# Only an answer: what serves Django joins or drops the second header of a request.
OF_ANSWERS = [
    (
        "header_doubled",
        lambda s, name=name: s.with_headers(**{name.title(): s.headers[name]}),
        f"The header {name} came more than once: something on the way added one.",
    )
    for name in ("signature", "response-time", "client-id")
]


@pytest.mark.parametrize(
    "message",
    [
        *map(error_sentence, ("bad_signature", "unsigned", "wrong_client")),
        *map(result_sentence, sorted(KEY_CODES)),
    ],
)
def test_each_message_about_signatures_leads_to_the_page_of_the_documentation(message):
    assert message.endswith(" See docs/how-to/signatures.md.")
    assert (ROOT / "docs/how-to/signatures.md").exists()


def test_the_page_names_every_cause_and_step_in_both_languages():
    english, chinese = (
        (ROOT / "docs" / page).read_text(encoding="utf-8")
        for page in ("how-to/signatures.md", "zh/signatures.md")
    )
    commands = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
    assert commands.findall(english) == commands.findall(chinese)
    assert len(commands.findall(english)) == 7
    for cause in set(CAUSES) - {"other_client"}:
        assert f"`{cause}`" in english
        assert f"`{cause}`" in chinese


def test_the_table_has_every_cause():
    assert {cause for cause, _, _ in TABLE + OF_ANSWERS} == set(CAUSES)


@pytest.fixture
def by_version(gateway, settings):
    """Let the merchant know Alipay's key by its version, beside another one."""
    entry = gateway.merchant_settings()
    key = entry["ALIPAY_PUBLIC_KEY"]
    entry["ALIPAY_PUBLIC_KEY"] = {"1": key, "2": key}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}, "TIMEOUT": (2, 5)}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("cause", "change", "sentence"), TABLE + OF_ANSWERS)
def test_the_cause_of_an_answers_bad_signature_is_told(
    gateway, by_version, pay, staff, caplog, cause, change, sentence
):
    handle = gateway.handle

    def changed(request):
        delivery = handle(request)
        seal = Seal(uri=request.uri, client_id=CLIENT_ID, time=TIME, key=gateway.keys.alipay)
        answer = seal.answer(delivery.body)
        sent = change(Sent(dict(answer.headers), answer.body, "response-time", seal))
        return replace(delivery, headers=sent.headers, body=sent.body)

    gateway.handle = changed
    status, told = command("--live")
    assert status == 1
    inquiry = "/ams/sandbox/api/v1/payments/inquiryPayment"
    told_as = sentence % {"time": "response-time", "path": inquiry}
    assert f"{told_as} See docs/how-to/signatures.md.\n" in told

    operator = staff("operator", is_superuser=True)
    services.cancel_payment(pay())
    sent = CancellationAttempt.objects.get(kind="cancel")
    sentence %= {"time": "response-time", "path": inquiry.replace("inquiryPayment", "cancel")}
    error = "wrong_client" if cause == "other_client" else "bad_signature"
    assert (sent.error, sent.cause) == (error, cause)
    assert f"{error}: {sentence}" in caplog.text
    assert sentence in text(operator.get(page_of(sent.cancellation)))
    url = f"/alipay/cancellations/{sent.cancellation_id}/"
    shown = next(a for a in operator.get(url).json()["attempts"] if a["kind"] == "cancel")
    assert (shown["error"], shown["cause"]) == (error, cause)
    assert CAUSES[cause] % {"detail": shown["detail"]} == sentence


@pytest.mark.parametrize(("cause", "change", "sentence"), TABLE)
def test_the_cause_of_a_notifications_bad_signature_is_told_in_one_line(
    gateway, by_version, caplog, cause, change, sentence
):
    path = "/alipay-notify/"
    seal = Seal(uri=path, client_id=CLIENT_ID, time=TIME, key=gateway.keys.alipay)
    headers = {"client-id": CLIENT_ID, "request-time": TIME}
    sent = change(Sent(headers, b'{"a":1}', "request-time", seal).sealed())
    with caplog.at_level("WARNING", "django_alipay_cancel"):
        assert post(sent.headers, sent.body, path=path).status_code == 400
    error = "wrong_client" if cause == "other_client" else "bad_signature"
    ours = [r.message for r in caplog.records if r.name.startswith("django_alipay_cancel")]
    assert ours == [
        f"A notification for the merchant 'default' is not believed: {error}. "
        + sentence % {"time": "request-time", "path": path}
        + " See docs/how-to/signatures.md."
    ]
