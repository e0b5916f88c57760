"""Our own secrets in what comes back: hidden in every spelling, and whole."""

import pytest

from django_alipay_cancel.alipay.hiding import hiding


def test_of_a_secret_that_begins_like_another_nothing_is_left() -> None:
    hide = hiding(["abcdefgh", "abcdefghij", "abcdefghijkl"])
    assert hide("abcdefghijkl abcdefghij abcdefgh") == "[hidden] [hidden] [hidden]"


@pytest.mark.parametrize(("secret", "text"), [("abcdefgh", "[hidden]"), ("abcdefg", "abcdefg")])
def test_what_stands_in_texts_by_chance_is_left(secret: str, text: str) -> None:
    assert hiding([secret])(secret) == text


@pytest.mark.parametrize("letter", "abcdefghijklmnop")
def test_a_secret_that_is_short_once_unquoted_is_hidden_as_it_stands(letter: str) -> None:
    secret = f"%6{letter}%61%62" if letter in "abcdef" else f"%61%62%63{letter}"
    assert hiding([secret])(f"({secret})") == "([hidden])"


@pytest.mark.parametrize(
    "spelt",
    [
        'pass"wo/rd <1>',
        "pass%22wo%2Frd%20%3C1%3E",
        "pass%22wo%2frd%20%3c1%3e",
        "pass&quot;wo/rd &lt;1&gt;",
        'pass\\"wo/rd <1>',
        'pass\\"wo\\/rd <1>',
    ],
)
@pytest.mark.parametrize("secret", ['pass"wo/rd <1>', "pass%22wo%2Frd%20%3C1%3E"])
def test_a_secret_is_hidden_in_every_spelling(secret: str, spelt: str) -> None:
    assert hiding([secret])(f"({spelt})") == "([hidden])"


def test_without_secrets_a_text_stays_as_it_is() -> None:
    assert hiding([])("a text") == hiding(["short"])("a text") == "a text"


@pytest.mark.parametrize("spelt", ["abcdefgh", "ab%63defgh", "ABCDEFGH"])
def test_a_letter_that_needs_no_encoding_may_have_one(spelt: str) -> None:
    assert hiding(["ab%63defgh"])(f"({spelt})") == "([hidden])"


def test_a_text_that_has_a_part_of_a_secret_stays_as_it_is() -> None:
    assert hiding(["ab+cdefgh/ij"])("cdefgh") == "cdefgh"


def test_of_two_secrets_the_one_that_stands_there_is_hidden() -> None:
    assert hiding(["first/secret", "second/secret"])("second/secret") == "[hidden]"
