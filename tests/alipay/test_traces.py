"""An error raised anew tells its lines, and none of the values that stood there."""

import traceback

import pytest

from django_alipay_cancel.alipay.traces import keeping_frames_back, without_frames


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


def test_the_frames_of_an_error_behind_it_go_too_and_those_of_one_from_outside_stay() -> None:
    error, behind, outside = caught(), caught(), caught()
    error.__context__, behind.__context__ = behind, outside
    without_frames(error, outside=outside)
    assert error.__traceback__ is behind.__traceback__ is None
    assert behind.__notes__
    assert outside.__traceback__ is not None
    assert not hasattr(outside, "__notes__")


def test_errors_that_name_each_other_end_it() -> None:
    error, other = caught(), caught()
    error.__cause__, other.__cause__ = other, error
    assert without_frames(error) is error
    assert len(error.__notes__) == len(other.__notes__) == 1


class TimeIsUp(BaseException):
    pass


@pytest.mark.parametrize("kind", [ValueError, TimeIsUp, KeyboardInterrupt])
def test_no_error_leaves_with_the_frames_that_it_was_raised_in(kind: type[BaseException]) -> None:
    @keeping_frames_back
    def fail(key: str) -> None:
        raise kind("unreadable")

    with pytest.raises(kind) as error:
        fail("private")
    names = [frame.name for frame in traceback.extract_tb(error.value.__traceback__)]
    assert "fail" not in names
    assert "in fail" in error.value.__notes__[0]


def test_what_goes_well_is_returned() -> None:
    assert keeping_frames_back(caught)("private").args == ("unreadable",)
