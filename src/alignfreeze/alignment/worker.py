"""One worker process. As a program, this module calls the functions that its parent sends, one after the other.

It ends when its parent closes the pipe between them, or ends; on Linux even in the middle of a call.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
from contextlib import suppress

from alignfreeze.errors import AlignFreezeError

END_WITH_PARENT = 1
"""The option of Linux's `prctl` that has a signal sent when the parent ends (PR_SET_PDEATHSIG)."""


def main() -> None:
    """Read functions and arguments from standard input, call them, and write what they return to standard output."""
    if sys.platform == "linux":  # a training takes minutes in which nothing is read
        ctypes.CDLL(None).prctl(END_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != int(sys.argv[1]):  # it has ended already
            return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries may print
    with suppress(EOFError, BrokenPipeError):
        while True:
            function, arguments = pickle.load(sys.stdin.buffer)
            try:
                answer = (True, function(*arguments))
            except AlignFreezeError as error:
                answer = (False, error)
            except Exception as error:  # which may have a form that cannot be sent
                answer = (False, f"{type(error).__name__}: {error}")
            pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()


if __name__ == "__main__":
    main()
