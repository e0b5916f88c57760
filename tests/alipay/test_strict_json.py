"""JSON that can be read in one way only, and what is said of any other."""

import pytest

from django_alipay_cancel.alipay import strict_json


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b'{"a": 1, "a": 1}', "a name is repeated"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b"-Infinity", "-Infinity is no JSON"),
        (b"[" * 33 + b"]" * 33, "nested too deeply"),
        (b"1" * 65, "a number is too long"),
        (b"0." + b"1" * 63, "a number is too long"),
    ],
)
def test_what_is_read_in_two_ways_is_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(ValueError) as refused:
        strict_json.parse(body)
    assert str(refused.value) == complaint


@pytest.mark.parametrize("digits", ["1" * 64, "0." + "1" * 62, "1e999"])
def test_a_number_is_kept_as_its_text(digits: str) -> None:
    assert strict_json.parse(digits.encode()) == digits


def test_what_is_nested_just_deep_enough_is_read() -> None:
    document = strict_json.parse(b"[" * 32 + b"]" * 32)
    for _ in range(31):
        [document] = document
    assert document == []


@pytest.mark.parametrize(
    "body", [b'{"a": "[[[[{{{{"}', pytest.param(b'{"a": "\\"["}', id="escaped quote")]
)
def test_brackets_in_a_text_do_not_nest(body: bytes) -> None:
    assert set(strict_json.parse(body)["a"]) <= set('[{"')
