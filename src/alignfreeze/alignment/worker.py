"""One worker process. As a program, this module calls the functions that its parent sends, one after the other.

It ends when its parent closes the pipe between them, or is killed.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Read functions and arguments from standard input, call them, and write what they return to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries may print
    with suppress(EOFError, BrokenPipeError):
        while True:
            function, arguments = pickle.load(sys.stdin.buffer)
            try:
                answer = (True, function(*arguments))
            except Exception as error:
                answer = (False, error)
            pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()


if __name__ == "__main__":
    main()
