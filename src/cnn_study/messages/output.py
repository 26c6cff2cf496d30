"""Output that nobody reads: behind ``| head``, say, which has seen enough."""

import os
import sys

READER_GONE = 141  # the exit code that shells give to a program which ends for this reason, by SIGPIPE


def replace_unprintable() -> None:
    """Let a terminal that does not know a character, such as − or ×, show a ? in its place."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is where a shell has closed it
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]


def drop_unwritable(kind: type[OSError] = OSError) -> None:
    """Write what is still held back; where that ends in an error of this kind, let it go nowhere.

    Without this, Python tries once more when it ends, and prints an exception that no program can catch.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # as it is where a shell has closed it
                stream.flush()
        except kind:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
