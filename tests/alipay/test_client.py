"""The client: what it sends, and the answers it brings home over a real socket."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import requests
from far_end import (
    ALIPAY_PUBLIC_KEY,
    CLIENT_ID,
    MERCHANT_KEY,
    Server,
    http_answer,
    send_success,
    success,
)

from django_alipay_cancel.alipay.client import AlipayClient, Credentials
from django_alipay_cancel.alipay.signing import (
    content_to_be_signed,
    parse_signature_header,
    verify,
)

Serve = Callable[..., Server]
ClientFor = Callable[..., AlipayClient]


def parts(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return the request line, the headers by lower-case name, and the body."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    named = (field.split(": ", 1) for field in fields)
    return line, {name.lower(): value for name, value in named}, body


def test_a_cancel_comes_home_verified(serve: Serve, client_for: ClientFor) -> None:
    client = client_for(serve().url)
    answer = client.cancel(client.request_body(payment_request_id="pay_1", payment_id="2019"))
    assert answer.verified
    assert answer.sent
    assert (answer.http_status, answer.result_status, answer.result_code) == (200, "S", "SUCCESS")
    assert (answer.payment_id, answer.payment_request_id) == ("2019", "pay_1")
    assert answer.ids_match is True
    assert answer.cancel_time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_bytes_that_were_signed_are_the_bytes_sent(serve: Serve, client_for: ClientFor) -> None:
    server = serve()
    client = client_for(server.url, agent_token="agent", key_version="7")
    body = '{"paymentId": "é 2019"}'
    client.cancel(body)
    line, headers, sent = parts(server.requests[0])
    assert line == "POST /ams/api/v1/payments/cancel HTTP/1.1"
    assert sent == body.encode()
    raw = re.search(rb"Signature: (.*)\r\n", server.requests[0])
    assert raw
    header = parse_signature_header(raw[1].decode())
    content = content_to_be_signed(
        path="/ams/api/v1/payments/cancel",
        client_id=CLIENT_ID,
        time=headers["request-time"],
        body=sent,
    )
    assert verify(content, header.signature, MERCHANT_KEY.public_key())
    assert header.key_version == "7"
    now = datetime.now(UTC).timestamp() * 1000
    assert abs(int(headers["request-time"]) - now) < 10_000
    assert headers["client-id"] == CLIENT_ID
    assert headers["content-type"] == "application/json; charset=UTF-8"
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"] == "django-alipay-cancel"
    assert headers["agent-token"] == "agent"
    assert "authorization" not in headers


def test_an_inquiry_has_its_own_path(serve: Serve, client_for: ClientFor) -> None:
    server = serve()
    answer = client_for(server.url).inquire('{"paymentId":"2019"}')
    assert answer.verified
    assert parts(server.requests[0])[0] == "POST /ams/api/v1/payments/inquiryPayment HTTP/1.1"
    assert "agent-token" not in parts(server.requests[0])[1]


@pytest.mark.parametrize(
    ("client_id", "sandbox_path", "prefix"),
    [
        ("SANDBOX_5X", None, "/ams/sandbox/api"),
        ("SANDBOX_5X", False, "/ams/api"),
        ("5X", None, "/ams/api"),
        ("5X", True, "/ams/sandbox/api"),
    ],
)
def test_the_sandbox_path_follows_the_client_id_unless_it_is_forced(
    serve: Serve, client_for: ClientFor, client_id: str, sandbox_path: bool | None, prefix: str
) -> None:
    server = serve()
    client = client_for(server.url, client_id=client_id, sandbox_path=sandbox_path)
    client.cancel('{"paymentId":"2019"}')
    assert parts(server.requests[0])[0].split()[1] == f"{prefix}/v1/payments/cancel"


def test_a_request_body_is_compact_json_of_strings(client_for: ClientFor) -> None:
    client = client_for("http://localhost", merchant_account_id="shop1")
    body = client.request_body(payment_request_id="pay_1", payment_id="2019")
    assert body == '{"paymentId":"2019","paymentRequestId":"pay_1","merchantAccountId":"shop1"}'
    plain = client_for("http://localhost")
    assert plain.request_body(payment_request_id="支付", payment_id=None) == json.dumps(
        {"paymentRequestId": "支付"}, separators=(",", ":")
    )


def test_a_request_body_without_any_id_is_refused(client_for: ClientFor) -> None:
    with pytest.raises(ValueError) as refused:
        client_for("http://localhost").request_body(payment_request_id="", payment_id=None)
    assert str(refused.value) == "A payment_request_id or a payment_id is needed."


def test_an_answer_about_another_payment_is_not_verified(
    serve: Serve, client_for: ClientFor
) -> None:
    bodies = iter(['{"paymentId":"another"}', '{"paymentId":"2019"}'])

    def answer_about_another(sock, request):  # type: ignore[no-untyped-def]
        head = request.partition(b"\r\n\r\n")[0]
        send_success(sock, head + b"\r\n\r\n" + next(bodies).encode())

    client = client_for(serve(answer_about_another).url)
    answer = client.cancel('{"paymentId":"2019"}')
    assert (answer.error, answer.ids_match) == ("id_mismatch", False)
    assert client.cancel('{"paymentId":"2019"}').verified


def test_an_answer_about_another_request_is_not_verified(
    serve: Serve, client_for: ClientFor
) -> None:
    def answer_about_another(sock, request):  # type: ignore[no-untyped-def]
        sock.sendall(success(request, paymentRequestId="another"))

    client = client_for(serve(answer_about_another).url)
    answer = client.cancel('{"paymentId":"2019","paymentRequestId":"pay_1"}')
    assert (answer.error, answer.ids_match) == ("id_mismatch", False)


def test_an_answer_of_long_ago_is_not_believed_when_its_time_is_judged(
    serve: Serve, client_for: ClientFor
) -> None:
    answer = client_for(serve().url, response_time_tolerance=60.0).cancel('{"paymentId":"2019"}')
    assert (answer.verified, answer.error) == (False, "stale_response")


def test_a_slash_at_the_end_of_the_gateway_changes_nothing(
    serve: Serve, client_for: ClientFor
) -> None:
    server = serve()
    assert client_for(server.url + "/").cancel('{"paymentId":"2019"}').verified
    assert parts(server.requests[0])[0] == "POST /ams/api/v1/payments/cancel HTTP/1.1"


def test_a_defect_comes_out_as_it_was_and_without_the_frames_that_held_keys(
    client_for: ClientFor,
) -> None:
    client = client_for("http://localhost")

    def defect(*args, **kwargs):  # type: ignore[no-untyped-def]
        raise LookupError("a defect")

    client.session.post = defect  # type: ignore[method-assign]
    with pytest.raises(LookupError, match="a defect") as raised:
        client.cancel('{"paymentId":"2019"}')
    assert not {"post", "defect"} & {frame.name for frame in raised.traceback}


def test_no_secret_is_in_any_repr(client_for: ClientFor) -> None:
    client = client_for(
        "http://localhost", agent_token="the-token", proxy="http://localhost", proxy_password="pass"
    )
    credentials = client.credentials
    assert repr(client) == f"<AlipayClient {CLIENT_ID}>"
    for secret in ("the-token", "pass", "Key"):
        assert secret not in repr(credentials)


def test_equal_credentials_are_equal_and_hash_alike() -> None:
    def credentials() -> Credentials:
        return Credentials(
            client_id=CLIENT_ID,
            private_key=MERCHANT_KEY,
            alipay_public_keys=(("1", ALIPAY_PUBLIC_KEY),),
            gateway_url="http://localhost",
        )

    assert credentials() == credentials()
    assert hash(credentials()) == hash(credentials())


def test_a_given_session_is_used_and_asks_for_no_encoding_either(
    serve: Serve, client_for: ClientFor
) -> None:
    server = serve()
    session = requests.Session()
    client = client_for(server.url, session=session)
    assert client.session is session
    assert client.cancel('{"paymentId":"2019"}').verified
    assert server.requests[0].lower().count(b"accept-encoding: ") == 1
    assert parts(server.requests[0])[1]["accept-encoding"] == "identity"


def test_a_given_session_is_not_waited_for_longer_than_the_timeout(
    serve: Serve, client_for: ClientFor
) -> None:
    servers: list[Server] = []
    servers.append(serve(lambda sock, request: servers[0].wait_until_stopped(60)))
    client = client_for(servers[0].url, session=requests.Session(), timeout=(0.5, 0.5))
    began = time.monotonic()
    assert not client.cancel('{"paymentId":"2019"}').verified
    assert time.monotonic() - began < 20


def test_a_given_session_follows_no_redirect(serve: Serve, client_for: ClientFor) -> None:
    target = serve()
    redirect = http_answer(b"", {"location": target.url}, "307 Temporary Redirect")
    server = serve(lambda sock, request: sock.sendall(redirect))
    answer = client_for(server.url, session=requests.Session()).cancel('{"paymentId":"2019"}')
    assert (answer.error, answer.http_status) == ("http_status", 307)
    assert not target.requests
