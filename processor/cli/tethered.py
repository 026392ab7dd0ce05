"""Runs `fleetfold` as a child that cannot outlive its parent, however the parent ends, SIGKILL included.

Its standard input is a pipe from the parent, which the kernel closes when the parent ends. The child then
stops as if it had been asked to, and is cut off if it does not.
"""

import os
import signal
import sys
import threading

from processor.cli.main import main

__all__: list[str] = []

_STOP_WITHIN_S = 12.0  # a worker that is asked to stop does so within 10 s


def _stop_with_parent() -> None:
    # os.read, not sys.stdin: a thread that holds the lock of stdin breaks the interpreter's shutdown.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_STOP_WITHIN_S)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    main()
