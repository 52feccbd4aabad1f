"""The `referrals` command: for whoever runs the system, publishes into it, or watches it.

In: files, topics and the operator's `deploy/`. Out: results on stdout (`--json`: one document, or one a line),
all else on stderr, and an exit code: 0 done, 1 something is wrong, 2 wrong use, 3 cannot run here.
Promised: no payload byte in an error's text, no traceback for what could be foreseen, read_committed everywhere.
"""
