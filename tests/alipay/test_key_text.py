"""What people paste in place of a key, and the sentence that each of them gets."""

import base64
import textwrap
from collections.abc import Callable
from string import ascii_letters, digits

import pytest
from far_end import ALIPAY_PUBLIC_KEY, MERCHANT_KEY, VECTORS

from django_alipay_cancel.alipay.key_text import InvalidKey, read_der
from django_alipay_cancel.alipay.signing import load_private_key, load_public_key

KEY: str = VECTORS["merchant_key"]["private_pkcs8_base64"]
PUBLIC: str = VECTORS["alipay_key"]["public_base64"]
DER = base64.b64decode(KEY)
LENGTH = len(KEY)


def pem(body: str = KEY, label: str = "PRIVATE KEY") -> str:
    lines = textwrap.wrap(body, 64)
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


PATH = "Expected a key, found the path of a file; give what is in the file."
PLACEHOLDER = "Expected a key, found a placeholder: nothing has put the key in its place."
TWICE_ESCAPED = (
    "Expected a key, found line ends that were escaped twice: a backslash too many before each n."
)
BLANKS = "Expected base64, found blanks in it: each may have been a +."
HEXADECIMAL = "Expected base64, found hexadecimal digits."
NO_KEY = "Expected a key, found base64 that holds no key; it may be cut off."
URL_SAFE = "Expected base64, found URL-safe base64: with - for + and _ for /."
OF_PEM = "Expected a key, found base64 of PEM, as Kubernetes keeps a secret; decode it once."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("/etc/keys/app_private_key.pem", PATH),
        ("/run/secrets/alipay", PATH),
        ("~/alipay/key", PATH),
        ("./key", PATH),
        ("file:///etc/key", PATH),
        ("C:\\keys\\alipay.pem", PATH),
        ("alipay_private.PEM", PATH),
        ("<YOUR_PRIVATE_KEY>", PLACEHOLDER),
        ("${ALIPAY_PRIVATE_KEY}", PLACEHOLDER),
        ("{{ alipay_key }}", PLACEHOLDER),
        ("your private key", PLACEHOLDER),
        ("changeme", PLACEHOLDER),
        ("ALIPAY_PRIVATE_KEY", PLACEHOLDER),
        ("xxxx", PLACEHOLDER),
        ("...", PLACEHOLDER),
        (
            "0123456789abcdef0123456789abcdef",
            "Expected a key, found 32 hexadecimal digits: the secret of another product of Alipay.",
        ),
        (
            "0123456789abcdefABCDEF0123456789",
            "Expected a key, found 32 hexadecimal digits: the secret of another product of Alipay.",
        ),
        (DER.hex(), HEXADECIMAL),
        (f"30{'0123456789abcdef' * 12}ABCDEF", HEXADECIMAL),
        (f"{base64.b64encode(bytes(range(0, 256)))[:64].decode()}", NO_KEY),
        (f"{ascii_letters}{digits}+/=", NO_KEY),
        (f"{KEY.rstrip('=')}-_=", URL_SAFE),
        (f"{KEY.rstrip('=')}AA", NO_KEY),
        (
            KEY.replace("+", "%2b"),
            "Expected base64, found percent-encoded text; decode it.",
        ),
        (
            f"BEGIN PRIVATE KEY {KEY} END PRIVATE KEY",
            "Expected a key, found PEM whose BEGIN or END line is missing or damaged.",
        ),
        (
            f"{KEY.rstrip('=')}=X",
            f"Expected base64, found U+003D EQUALS SIGN at position {len(KEY.rstrip('=')) + 1} "
            f"of {len(KEY.rstrip('=')) + 2}.",
        ),
        (
            f"!{KEY}",
            f"Expected base64, found U+0021 EXCLAMATION MARK at position 1 of {LENGTH + 1}.",
        ),
        (
            f"{KEY[:8]}!{KEY}",
            f"Expected base64, found U+0021 EXCLAMATION MARK at position 9 of {LENGTH + 9}.",
        ),
        (
            f'"{KEY[:8]}\u200b{KEY[8:64]}"{KEY[64:]}',
            f"Expected base64, found U+0022 QUOTATION MARK at position 67 of {LENGTH + 3}.",
        ),
        *(
            (
                f"{KEY[:40]}{char}{KEY[40:]}",
                f"Expected base64, found {name} at position 41 of {LENGTH + 1}: "
                "type it in half width.",
            )
            for char, name in (
                ("\uff01", "U+FF01 FULLWIDTH EXCLAMATION MARK"),
                ("\uff5e", "U+FF5E FULLWIDTH TILDE"),
            )
        ),
        (
            KEY.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
            "Expected base64, found percent-encoded text; decode it.",
        ),
        (
            KEY.replace("=", "=3D"),
            "Expected base64, found quoted-printable text; decode it.",
        ),
        (
            KEY.replace("+", "-").replace("/", "_"),
            "Expected base64, found URL-safe base64: with - for + and _ for /.",
        ),
        (
            KEY.replace("+", "-").replace("/", "_").rstrip("="),
            "Expected base64, found URL-safe base64: with - for + and _ for /.",
        ),
        (KEY.rstrip("="), "Expected base64, found it without the = at its end."),
        (KEY.replace("+", " "), BLANKS),
        (pem().replace("+", " "), BLANKS),
        (pem().replace("\n", "\\\\n"), TWICE_ESCAPED),
        (base64.b64encode(pem().encode()).decode(), OF_PEM),
        ("\n".join(textwrap.wrap(base64.b64encode(pem().encode()).decode(), 76)), OF_PEM),
        (KEY + KEY, "Expected one key, found the same text twice."),
        (f"{KEY}\n{KEY}", "Expected one key, found the same text twice."),
        (
            base64.b64encode(DER + b"more").decode(),
            f"Expected one key of {len(DER)} bytes, found {len(DER) + 4}: something follows it.",
        ),
        (
            KEY[:1000],
            f"Expected a key, found 750 of its {len(DER)} bytes: it is cut off.",
        ),
        (
            KEY[:-3],
            f"Expected a key, found {len(DER) - 2} of its {len(DER)} bytes: it is cut off.",
        ),
        (
            f"{KEY[:40]}!{KEY[40:]}",
            f"Expected base64, found U+0021 EXCLAMATION MARK at position 41 of {LENGTH + 1}.",
        ),
        (
            pem(KEY[:1000]),
            f"Expected a key, found 750 of its {len(DER)} bytes: it is cut off.",
        ),
        (
            pem().replace("-----", "———"),
            "Expected five hyphens on both sides of BEGIN and END, found U+2014 EM DASH.",
        ),
        (
            pem().replace("-----BEGIN", "----BEGIN"),
            "Expected a key, found PEM whose BEGIN or END line is missing or damaged.",
        ),
        (
            KEY.replace("A", "\uff21", 1),
            f"Expected base64, found U+FF21 FULLWIDTH LATIN CAPITAL LETTER A at position "
            f"{KEY.index('A') + 1} of {LENGTH}: type it in half width.",
        ),
        (
            f"{KEY},",
            f"Expected base64, found U+002C COMMA at position {LENGTH + 1} of {LENGTH + 1}.",
        ),
        (
            f'"{KEY}",',
            f"Expected base64, found U+0022 QUOTATION MARK at position {LENGTH + 2} "
            f"of {LENGTH + 3}.",
        ),
        (
            f"{KEY};",
            f"Expected base64, found U+003B SEMICOLON at position {LENGTH + 1} of {LENGTH + 1}.",
        ),
        (
            f'{KEY[:64]}" "{KEY[64:]}',
            f"Expected base64, found U+0022 QUOTATION MARK at position 65 of {LENGTH + 3}.",
        ),
        (
            f'"{KEY[:9]}é{KEY[9:]}"',
            "Expected base64, found U+00E9 LATIN SMALL LETTER E WITH ACUTE at position 11 "
            f"of {LENGTH + 3}.",
        ),
        (
            f"{KEY[:9]}\x00{KEY[9:]}",
            f"Expected base64, found U+0000 at position 10 of {LENGTH + 1}.",
        ),
    ],
)
def test_what_stands_in_place_of_a_key_is_named_and_never_repeated(
    text: str, sentence: str
) -> None:
    for load in (load_private_key, load_public_key):
        with pytest.raises(InvalidKey) as caught:
            load(text)
        assert str(caught.value) == sentence
        assert caught.value.sentence % caught.value.facts == sentence
        pieces = (text[start : start + 12] for start in range(len(text) - 12))
        assert not any(piece in sentence for piece in pieces if len(text) > 200)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: f"'{text}'",
        lambda text: f'"{text}"',
        lambda text: f"\u201c{text}\u201d",
        lambda text: f" '\"{text}\"'\n",
        lambda text: f"{text}\u200b",
        lambda text: f"\u2060{text[:64]}\u200b{text[64:]}\ufeff",
        lambda text: f"{text}\u00a0",
        lambda text: f"{text[:64]}\u3000{text[64:]}",
        lambda text: pem(text).replace("\n", "\\n").join("''"),
    ],
)
def test_quotes_around_a_key_and_invisible_characters_in_it_do_no_harm(
    change: Callable[[str], str],
) -> None:
    assert load_private_key(change(KEY)).private_numbers() == MERCHANT_KEY.private_numbers()
    assert load_public_key(change(PUBLIC)) == ALIPAY_PUBLIC_KEY


@pytest.mark.parametrize("der", [b"\x30\x04abc\x17", b"\x30\x81\x03abc", b"\x30\x83\x00\x00\x01x"])
def test_what_is_as_long_as_it_says_is_read(der: bytes) -> None:
    assert read_der(base64.b64encode(der).decode()) == der


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (base64.b64encode(b"\x30\x04abc\x17").decode() + "A", NO_KEY),
        (base64.b64encode(b"\x30\x01a").decode(), NO_KEY),
        (base64.b64encode(b"\x31\x02ab").decode(), NO_KEY),
        (base64.b64encode(b"\x30\x84\x00\x00\x00\x00").decode(), NO_KEY),
        (
            base64.b64encode(b"\x30\x80abcd").decode(),
            "Expected one key of 2 bytes, found 6: something follows it.",
        ),
    ],
)
def test_what_is_not_is_named(text: str, sentence: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        read_der(text)
    assert str(caught.value) == sentence
