"""Keys, the content to be signed, and the Signature header."""

import base64
import hashlib
import textwrap
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from far_end import ALIPAY_KEY, ALIPAY_PUBLIC_KEY, MERCHANT_KEY, VECTORS

from django_alipay_cancel.alipay.signing import (
    InvalidKey,
    InvalidSignatureHeader,
    content_to_be_signed,
    load_private_key,
    load_public_key,
    parse_signature_header,
    sign,
    signature_header,
    verify,
)

PKCS8 = VECTORS["merchant_key"]["private_pkcs8_base64"]
PKCS1 = VECTORS["merchant_key"]["private_pkcs1_base64"]
PUBLIC = VECTORS["alipay_key"]["public_base64"]
SMALL_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(label: str, body: str) -> str:
    return (
        f"-----BEGIN {label}-----\n"
        + "\n".join(textwrap.wrap(body, 64))
        + f"\n-----END {label}-----\n"
    )


def private_pem(key: Any, encryption: Any = None, form: str = "PKCS8") -> str:
    text: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        getattr(serialization.PrivateFormat, form),
        encryption or serialization.NoEncryption(),
    )
    return text.decode()


def public_pem(key: Any, form: str = "SubjectPublicKeyInfo") -> str:
    public_format = getattr(serialization.PublicFormat, form)
    text: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, public_format)
    return text.decode()


def content_of(case: dict[str, str]) -> bytes:
    return content_to_be_signed(
        path=case["path"],
        client_id=case["client_id"],
        time=case["time"],
        body=case["body"].encode(),
    )


by_name = pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])


@by_name
def test_the_content_to_be_signed_is_that_of_the_vectors(case: dict[str, Any]) -> None:
    content = content_of(case)
    assert len(content) == case["signed_text_length"]
    assert hashlib.sha256(content).hexdigest() == case["signed_text_sha256"]


@by_name
def test_signatures_are_byte_for_byte_those_of_the_official_sdk(case: dict[str, Any]) -> None:
    key = MERCHANT_KEY if case["kind"] == "request" else ALIPAY_KEY
    assert sign(content_of(case), key) == case["signature_urlencoded"]
    assert signature_header(content_of(case), key, "1") == case["header"]


@by_name
def test_a_signature_of_the_vectors_verifies_and_no_flipped_bit_does(case: dict[str, Any]) -> None:
    key = (MERCHANT_KEY if case["kind"] == "request" else ALIPAY_KEY).public_key()
    content = content_of(case)
    signature = parse_signature_header(case["header"]).signature
    assert verify(content, signature, key)
    for position in (0, len(content) // 2, len(content) - 1):
        flipped = bytearray(content)
        flipped[position] ^= 1
        assert not verify(bytes(flipped), signature, key)
    assert not verify(content, signature[:-1] + bytes([signature[-1] ^ 1]), key)


def test_another_key_another_padding_or_another_length_does_not_verify() -> None:
    content = b"content"
    signature = MERCHANT_KEY.sign(content, padding.PKCS1v15(), hashes.SHA256())
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    assert not verify(content, signature, ALIPAY_PUBLIC_KEY)
    public_key = MERCHANT_KEY.public_key()
    assert not verify(content, MERCHANT_KEY.sign(content, pss, hashes.SHA256()), public_key)
    sha1 = MERCHANT_KEY.sign(content, padding.PKCS1v15(), hashes.SHA1())
    assert not verify(content, sha1, public_key)
    assert not verify(content, b"", public_key)
    assert not verify(content, signature + b"\0", public_key)


@pytest.mark.parametrize(
    "text",
    [
        PKCS8,
        PKCS1,
        pem("PRIVATE KEY", PKCS8),
        pem("RSA PRIVATE KEY", PKCS1),
        pem("RSA PRIVATE KEY", PKCS8),  # what Alipay's Python SDK makes of a PKCS#8 key
        pem("PRIVATE KEY", PKCS8).replace("\n", "\\n"),
        pem("PRIVATE KEY", PKCS8).replace("\n", "\\r\\n"),
        pem("PRIVATE KEY", PKCS8).replace("\n", "\r\n"),
        pem("PRIVATE KEY", PKCS8).replace("\n", " "),
        f"\ufeff \t{pem('PRIVATE KEY', PKCS8)}\n\n",
        f"\ufeff{PKCS8}",
        "\n  ".join(textwrap.wrap(PKCS8, 76)),
    ],
)
def test_a_private_key_loads_in_every_form_people_have_it(text: str) -> None:
    assert load_private_key(text).private_numbers() == MERCHANT_KEY.private_numbers()


@pytest.mark.parametrize(
    "text",
    [
        PUBLIC,
        pem("PUBLIC KEY", PUBLIC),
        pem("PUBLIC KEY", PUBLIC).replace("\n", "\\n"),
        f"  {PUBLIC[:70]} {PUBLIC[70:]}\n",
        public_pem(ALIPAY_KEY, "PKCS1"),
    ],
)
def test_a_public_key_loads_in_every_form_people_have_it(text: str) -> None:
    assert load_public_key(text) == ALIPAY_PUBLIC_KEY


def test_a_key_is_parsed_once() -> None:
    assert load_private_key(PKCS8) is load_private_key(PKCS8)
    assert load_public_key(PUBLIC) is load_public_key(PUBLIC)


CERTIFICATE = trustme.CA().cert_pem.bytes().decode()
CERTIFICATE_REQUEST = (
    x509.CertificateSigningRequestBuilder(x509.Name([]))
    .sign(MERCHANT_KEY, hashes.SHA256())
    .public_bytes(serialization.Encoding.PEM)
    .decode()
)
PASSWORD = serialization.BestAvailableEncryption(b"secret")


EMPTY = "Expected a key, found an empty text."
NO_KEY_TEXT = "Expected a key, found a text that is neither PEM nor base64."
NO_KEY = "Expected a key, found base64 that holds no key; it may be cut off."
DAMAGED = "Expected a key, found PEM whose BEGIN or END line is missing or damaged."
ENCRYPTED = "Expected a key without a password, found an encrypted private key."
OTHER = "Expected an RSA private key, found "
API_KEY = (
    "Expected an RSA key, found an API key of Alipay's (isak_ or irak_), which signs nothing: "
    "make an RSA key pair in Alipay's console."
)
TOO_SMALL = "Expected an RSA key of at least 2048 bits, found 1024 bits."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", EMPTY),
        pytest.param(" \\n\n", EMPTY, id="line ends alone"),
        ("not a key!", NO_KEY_TEXT),
        ("AAAA", NO_KEY),
        (base64.b64encode(b"hello").decode(), NO_KEY),
        (base64.b64encode(bytes(400)).decode(), NO_KEY),
        (pem("PRIVATE KEY", PKCS8)[:-20], DAMAGED),
        (
            pem("PRIVATE KEY", PKCS8) + pem("PUBLIC KEY", PUBLIC),
            "Expected one key, found 2 PEM blocks: PRIVATE KEY, PUBLIC KEY.",
        ),
        (PUBLIC, OTHER + "an RSA public key."),
        (CERTIFICATE, OTHER + "a certificate."),
        (CERTIFICATE_REQUEST, OTHER + "a certificate request."),
        (private_pem(MERCHANT_KEY, PASSWORD), ENCRYPTED),
        (private_pem(MERCHANT_KEY, PASSWORD, "TraditionalOpenSSL"), ENCRYPTED),
        (
            private_pem(MERCHANT_KEY, form="OpenSSH"),
            "Expected PKCS#8 or PKCS#1, found a key in OpenSSH's own format.",
        ),
        ("isak_TEST_0123456789abcdef", API_KEY),
        (" irak_PROD_0123456789abcdef\\n", API_KEY),
        (private_pem(EC_KEY), OTHER + "a private key of another algorithm (EC)."),
        (
            private_pem(ed25519.Ed25519PrivateKey.generate()),
            OTHER + "a private key of another algorithm (Ed25519).",
        ),
        (public_pem(EC_KEY), OTHER + "a public key of another algorithm (EC)."),
        (private_pem(SMALL_KEY), TOO_SMALL),
    ],
)
def test_a_wrong_private_key_is_told_by_what_it_is(text: str, message: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        load_private_key(text)
    assert str(caught.value) == message
    # For who says it in another language.
    assert caught.value.sentence % caught.value.facts == message


def test_an_encrypted_key_without_pem_lines_is_told_as_such() -> None:
    lines = private_pem(MERCHANT_KEY, PASSWORD).splitlines()
    with pytest.raises(InvalidKey) as caught:
        load_private_key("".join(lines[1:-1]))
    assert str(caught.value) == ENCRYPTED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PKCS8, "Expected an RSA public key, found an RSA private key."),
        (PKCS1, "Expected an RSA public key, found an RSA private key."),
        (CERTIFICATE, "Expected an RSA public key, found a certificate."),
        (
            public_pem(EC_KEY),
            "Expected an RSA public key, found a public key of another algorithm (EC).",
        ),
        (public_pem(SMALL_KEY), TOO_SMALL),
        ("", EMPTY),
    ],
)
def test_a_wrong_public_key_is_told_by_what_it_is(text: str, message: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        load_public_key(text)
    assert str(caught.value) == message


def test_a_key_that_is_just_large_enough_is_taken() -> None:
    assert load_public_key(PUBLIC).key_size == 2048


RAW = MERCHANT_KEY.sign(b"content", padding.PKCS1v15(), hashes.SHA256())
BASE64 = base64.b64encode(RAW).decode()
ENCODED = sign(b"content", MERCHANT_KEY)


@pytest.mark.parametrize(
    "value",
    [
        f"algorithm=RSA256,keyVersion=2,signature={ENCODED}",
        f"algorithm=RSA256, keyVersion=2, signature={ENCODED}",
        f" signature = {ENCODED} , KEYVERSION=2 , Algorithm=RSA256",
        f"algorithm=RSA256,keyVersion=2,signature={BASE64}",
        "algorithm=RSA256,keyVersion=2,signature="
        + ENCODED.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d"),
        f"keyVersion=2,signature={ENCODED}",
    ],
)
def test_a_signature_header_is_read_in_every_harmless_spelling(value: str) -> None:
    header = parse_signature_header(value)
    assert header.key_version == "2"
    assert header.signature == RAW


def test_a_missing_key_version_is_none() -> None:
    assert parse_signature_header(f"signature={ENCODED}").key_version is None
    assert parse_signature_header(f"keyVersion=,signature={ENCODED}").key_version is None


MISSING = "part_missing: signature"
NO_BASE64 = "not_base64"
ALGORITHM = "other_algorithm: 'RSA512'"
LONG = "a name that is far too long to be said"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", MISSING),
        ("algorithm=RSA256,keyVersion=1", MISSING),
        ("algorithm=RSA256,keyVersion=1,signature=", MISSING),
        (f"algorithm=RSA512,keyVersion=1,signature={ENCODED}", ALGORITHM),
        (f"algorithm=,keyVersion=1,signature={ENCODED}", "other_algorithm: ''"),
        (
            f"algorithm=RSA256,signature={ENCODED},signature={ENCODED}",
            "part_doubled: signature",
        ),
        (f"{LONG}=1,{LONG}=2", "part_doubled: a name that is far t"),
        ("signature=not%20base64", NO_BASE64),
        ("signature=A", NO_BASE64),
        (f"signature={ENCODED[:20]} {ENCODED[20:]}", "blanks"),
        (f"signature={BASE64.replace('+', '-').replace('/', '_')}!", NO_BASE64),
        ("signature=é", NO_BASE64),
        (ENCODED, MISSING),
    ],
)
def test_a_broken_signature_header_is_refused(value: str, message: str) -> None:
    with pytest.raises(InvalidSignatureHeader) as refused:
        parse_signature_header(value)
    assert str(refused.value) == message
