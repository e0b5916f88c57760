"""Errors whose trace tells the lines, and none of the values at hand there."""

import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


def without_frames(error: BaseException, *, outside: BaseException | None = None) -> BaseException:
    """Return `error` with its trace as a note, for raising it anew.

    Debug pages and error trackers show the variables of each frame, and some frames hold keys, a
    signature or a password; so do those of the errors behind it, up to `outside`, which was being
    handled before. A note is text; `logging` and Django's debug page print it.
    """
    seen: list[BaseException] = []
    behind: BaseException | None = error
    while behind is not None and behind is not outside and behind not in seen:
        seen.append(behind)
        if behind.__traceback__ is not None:
            behind.add_note("".join(traceback.format_tb(behind.__traceback__)))
        if behind.__suppress_context__:
            behind.__context__ = None
        behind.__traceback__ = None
        behind = behind.__cause__ or behind.__context__
    return error


def keeping_frames_back(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let no error out of `function`, whatever it is, with the frames in which it was raised.

    A time-out's or a signal's BaseException too: it may come while the headers are at hand.
    """

    @wraps(function)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        outside = sys.exception()
        try:
            return function(*args, **kwargs)
        except BaseException as error:  # raised again: only its frames stay here
            raise without_frames(error, outside=outside)  # noqa: B904 (the same: its cause stays)

    return call
