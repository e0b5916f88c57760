"""What may have been signed in place of what came: one change each, of a message made by hand."""

import json
from codecs import BOM_UTF8
from typing import Any

import pytest
from far_end import ALIPAY_KEY, ALIPAY_PUBLIC_KEY, CLIENT_ID, MERCHANT_KEY
from urllib3 import HTTPHeaderDict

from django_alipay_cancel.alipay.causes import CAUSES, in_english
from django_alipay_cancel.alipay.signing import content_to_be_signed, signature_header
from django_alipay_cancel.alipay.variants import Variant, signed_variants

TIME = "2026-01-02T11:04:05+08:00"
PATH = "/notify/"
BODY = b'{"paymentId":"1"}'


def found(
    *,
    came: bytes = BODY,
    signed: bytes = BODY,
    path: str = PATH,
    signed_path: str = PATH,
    signed_client: str = CLIENT_ID,
    prefixes: tuple[str, ...] = (),
    keys: Any = (("1", ALIPAY_PUBLIC_KEY),),
    signer: Any = ALIPAY_KEY,
    time: str = TIME,
    **headers: Any,
) -> list[Variant]:
    """Return the variants of `came`, which came to `path`, when something else was signed."""
    content = content_to_be_signed(
        path=signed_path, client_id=signed_client, time=time, body=signed
    )
    fields = {"signature": signature_header(content, signer, "1"), "request-time": f" {time} "}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    variants = signed_variants(
        HTTPHeaderDict({name: value for name, value in fields.items() if value}),
        came,
        path=path,
        client_id=CLIENT_ID,
        public_keys=keys,
        prefixes=prefixes,
    )
    return list(variants)


def places(**options: Any) -> list[tuple[str, str]]:
    """Return path and client ID of each variant whose body is the one that came."""
    return [(each.path, each.client_id) for each in found(**options) if not each.body]


def test_what_came_as_it_was_signed_is_the_first_variant() -> None:
    assert found()[0] == Variant(path=PATH, client_id=CLIENT_ID, body="")


@pytest.mark.parametrize("name", ["signature", "request_time"])
def test_without_a_header_nothing_is_found(name: str) -> None:
    without: dict[str, Any] = {name: ""}
    assert found(**without) == []


def test_a_message_that_was_signed_without_a_time_is_found() -> None:
    assert places(time="", request_time="") == [(PATH, CLIENT_ID)]


def test_a_signature_that_cannot_be_read_or_is_anothers_finds_nothing() -> None:
    assert found(signature="algorithm=RSA256") == []
    assert found(signer=MERCHANT_KEY) == []
    assert found(keys=()) == []


def test_each_of_alipays_keys_is_tried() -> None:
    mine = (("2", MERCHANT_KEY.public_key()), ("1", ALIPAY_PUBLIC_KEY))
    assert found(keys=mine)[0].path == PATH
    assert found(keys=mine[::-1])[0].path == PATH


@pytest.mark.parametrize("client", ["5X9", " 5X9 "])
def test_another_client_that_the_header_names_is_tried(client: str) -> None:
    assert places(signed_client="5X9", client_id=client) == [(PATH, "5X9")]
    assert found(client_id=client)[0].client_id == CLIENT_ID
    assert found(signed_client="5X9", client_id="5X8") == []


HEADERS = (
    "x-original-uri",
    "x-original-url",
    "x-forwarded-uri",
    "x-rewrite-url",
    "x-envoy-original-path",
)
TOLD_BY_PREFIX = ("x-forwarded-prefix", "x-script-name")


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("signed", ["/shop/notify/", "/shop/notify/?a=1"])
def test_the_address_that_a_proxy_tells_is_tried_with_and_without_its_query(
    header: str, signed: str
) -> None:
    told = {header: "/shop/notify/?a=1"}
    assert places(signed_path=signed, **told) == [(signed, CLIENT_ID)]
    assert found(signed_path=signed) == []


@pytest.mark.parametrize("header", TOLD_BY_PREFIX)
@pytest.mark.parametrize("prefix", ["/shop", "shop/", " /shop/ "])
def test_the_part_that_a_proxy_took_away_is_put_before_it(header: str, prefix: str) -> None:
    signed = "/shop/notify/"
    assert places(signed_path=signed, **{header: prefix}) == [(signed, CLIENT_ID)]


def test_the_prefixes_that_are_given_are_tried_and_empty_ones_are_none() -> None:
    signed = "/b/notify/"
    assert places(signed_path=signed, prefixes=("", "/", "a", "b")) == [(signed, CLIENT_ID)]
    assert places(signed_path=signed, path="/notify/?a=1", prefixes=("b",)), "without its query"
    assert places(signed_path="/XbX/notify/", prefixes=("XbX",)), "nothing but slashes is cut off"
    assert places(prefixes=("b",)), "what came is tried all the same"
    assert found(signed_path="//notify/", prefixes=("", "/")) == []


@pytest.mark.parametrize(
    ("path", "signed"),
    [
        ("/notify/?a=1", "/notify/"),
        ("/notify/", "/notify"),
        ("/notify", "/notify/"),
        ("/shop/pay/notify/", "/pay/notify/"),
        ("/shop/pay/notify/", "/notify/"),
        ("/shop/pay/notify/", "/notify"),
        ("/shop/notify/?a=/b", "/notify/?a=/b"),
        ("/shop/notify?a=/b", "/notify?a=/b"),
        ("/支付/", "/%E6%94%AF%E4%BB%98/"),
        ("/%E6%94%AF/", "/%e6%94%af/"),
        ("/%E6%94%AF/", "/支/"),
        ("/%E6%94%AF/", "/支"),
        ("/a:b/", "/a%3Ab/"),
        ("/a%3Ab/", "/a:b/"),
        ("/a%3ab/?x=%2F", "/a:b/?x=/"),
        ("/~shop/", "/%7Eshop/"),
        ("/~a:b/", "/%7Ea%3Ab/"),
        ("//notify", "/notify"),
        ("/%E6%94%AFab", "/%e6%94%afab"),
        ("/a@b/?c=d", "/a%40b/?c%3Dd"),
        ("/a@支/", "/a@%E6%94%AF/"),
    ],
)
def test_a_path_is_tried_in_each_spelling_that_encoders_give_it(path: str, signed: str) -> None:
    assert places(path=path, signed_path=signed) == [(signed, CLIENT_ID)]


@pytest.mark.parametrize(
    ("path", "signed"),
    [
        ("/shop/notify?a=/b", "/b"),
        ("/notify/", "notify/"),
        ("/notify", ""),
        ("/notify/", "/notify/?"),
    ],
)
def test_no_other_part_of_the_address_is_tried(path: str, signed: str) -> None:
    assert found(path=path, signed_path=signed) == []


ORDER = {"paymentId": "1", "url": "https://shop.example/订单"}
COMPACT = {"separators": (",", ":")}
IN_ASCII = json.dumps(ORDER, **COMPACT)  # type: ignore[arg-type]
AS_IT_IS = json.dumps(ORDER, **COMPACT, ensure_ascii=False)  # type: ignore[arg-type]
UNLIKE = json.dumps(ORDER, indent=1)


@pytest.mark.parametrize(
    ("came", "signed", "change"),
    [
        (b"\r\n{} \n", b"{}", "without the line ends and blanks around it"),
        (b"{} ", b"{}\n", "with LF at its end"),
        (b"{}\n", b"{}\r\n", "with CRLF at its end"),
        (b'{"a":\r\n1}', b'{"a":\n1}', "with LF in place of CRLF"),
        (b'{"a":\n1,\r\n"b":2}', b'{"a":\r\n1,\r\n"b":2}', "with CRLF in place of LF"),
        (BOM_UTF8 + b"{ }", b"{ }", "without its byte order mark"),
        (UNLIKE, AS_IT_IS, "as compact JSON"),
        (UNLIKE, IN_ASCII, "as compact JSON in ASCII"),
        (UNLIKE, AS_IT_IS.replace("/", "\\/"), "as compact JSON with escaped slashes"),
        (UNLIKE, IN_ASCII.replace("/", "\\/"), "as compact JSON in ASCII with escaped slashes"),
        (UNLIKE, json.dumps(ORDER, ensure_ascii=False), "as JSON with blanks"),
        (UNLIKE, json.dumps(ORDER), "as JSON with blanks in ASCII"),
        (UNLIKE, json.dumps(ORDER, indent=2, ensure_ascii=False), "as JSON indented by 2"),
        (UNLIKE, json.dumps(ORDER, indent=4, ensure_ascii=False), "as JSON indented by 4"),
        (b'{"a": "\\ud800"}', b'{"a":"\xed\xa0\x80"}', "as compact JSON"),
    ],
)
def test_a_body_that_something_wrote_anew_is_found_by_what_was_done_to_it(
    came: bytes | str, signed: bytes | str, change: str
) -> None:
    came, signed = (each.encode() if isinstance(each, str) else each for each in (came, signed))
    assert found(came=came, signed=signed)[0] == Variant(PATH, CLIENT_ID, change)


def test_what_is_no_json_is_tried_by_its_line_ends_alone() -> None:
    assert found(came=b"a=1\n", signed=b"a=1")[0].body
    assert found(came=b"a=1", signed=b'"a=1"') == []


def test_a_body_a_path_and_a_client_may_have_been_changed_at_once() -> None:
    (variant, *_) = found(
        came=b"{}\n", signed=b"{}", signed_path="/notify", signed_client="5X9", client_id="5X9"
    )
    assert (variant.path, variant.client_id, bool(variant.body)) == ("/notify", "5X9", True)


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_is_told_in_english_with_what_else_is_known(cause: str) -> None:
    told = in_english(cause, "of 100 % this")
    assert told == CAUSES[cause].replace("%(detail)s", "of 100 % this")


def test_without_a_cause_nothing_is_told() -> None:
    assert in_english("", "whatever") == ""
