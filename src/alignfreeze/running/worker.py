"""One worker process. As a program, this module reads its runs from standard input, which stays open.

It imports nothing large before it watches over its parent: imports take seconds, and the parent may end meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
import threading

STANDARD_INPUT = 0


def _end_with_parent() -> None:
    """End this process as soon as its parent has ended: the system then closes the pipe between them."""
    while os.read(STANDARD_INPUT, 1):
        pass
    os._exit(1)


def main() -> None:
    """Do the runs that the first line of standard input names."""
    task = sys.stdin.readline()
    if not task.endswith("\n"):  # the parent ended while it was writing
        sys.exit(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from alignfreeze.running.jobs import do_packed

    do_packed(json.loads(task))


if __name__ == "__main__":
    main()
