"""Desks that do not exist, and behave as the world's do, for `referrals run` and tests.

Comes in: the queues of every desk that reports, and at the start what these desks said before.
Goes out: status events, each with a role and never a person, a few repeated or by a clock that is hours off.
Promised: only steps that may follow each other; the same seed gives each referral the same fate. `conduct` has who
behaves how. Refused: without `SIMULATE=1` nothing is said; no real desk's referral may be closed by a program.
"""
