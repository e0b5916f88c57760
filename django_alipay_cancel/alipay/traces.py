"""Errors whose trace tells the lines, and none of the values at hand there."""

import traceback


def without_frames(error: Exception) -> Exception:
    """Return `error` with its trace as a note, for raising it anew.

    Debug pages and error trackers show the variables of each frame, and some frames hold keys, a
    signature or a password. A note is text; `logging` and Django's debug page print it.
    """
    error.add_note("".join(traceback.format_tb(error.__traceback__)))
    if error.__suppress_context__:
        error.__context__ = None
    return error.with_traceback(None)
