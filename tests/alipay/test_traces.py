"""An error raised anew tells its lines, and none of the values that stood there."""

import traceback

import pytest

from django_alipay_cancel.alipay.traces import without_frames


def fail_with_a_key_at_hand(key: str) -> None:
    raise ValueError("unreadable")


def caught(key: str = "private") -> ValueError:
    with pytest.raises(ValueError, match="unreadable") as error:
        fail_with_a_key_at_hand(key)
    return error.value


def test_the_frames_go_and_their_lines_stay_as_a_note() -> None:
    error = caught()
    lines = traceback.format_tb(error.__traceback__)
    assert without_frames(error) is error
    assert error.__traceback__ is None
    [note] = error.__notes__
    assert note == "".join(lines)
    assert 'raise ValueError("unreadable")' in note
    assert note.count("  File ") == 2
    assert "private" not in note


def test_an_error_behind_it_that_was_hidden_goes_too() -> None:
    error = caught()
    error.__context__, error.__suppress_context__ = KeyError("private"), True
    assert without_frames(error).__context__ is None


def test_an_error_behind_it_that_is_shown_stays() -> None:
    error = caught()
    error.__context__ = cause = KeyError("id")
    assert without_frames(error).__context__ is cause
