"""Run as a script: ties this process to its parent's life, then becomes the program given.

`python tether.py PARENT_PID PROGRAM ARGUMENT...`. The kernel sends SIGKILL when the parent is gone
(PR_SET_PDEATHSIG, prctl(2)); exec keeps that. Done here and not between fork and exec, where a parent with
threads must not run Python. Elsewhere than on Linux it only becomes the program.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie, look whether the parent was quicker to die, become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
