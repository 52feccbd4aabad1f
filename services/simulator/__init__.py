"""A clearing house and a hotline that do not exist, for `referrals run`, tests and benches.

Comes in: the published yearly counts of reports by country, a seed, shares of what goes wrong.
Goes out: envelopes to the partners' ingress topics, and at the end what the broker acknowledged, by intent.
Promised: the same seed and start give the same bytes; each record says what the router must make of it.
Refused: without `SIMULATE=1` nothing is published; real desks must never get invented referrals.
"""
