"""The notifier's fault campaign: it is killed while it tells many desks of many things, and a sink's log is the judge.

`python -m tests.faults.notifier`; docs/reliability.md. Start with `playing`; what the log must hold is in
`tests.notices.account`.
"""
