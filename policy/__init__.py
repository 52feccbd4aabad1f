"""What an operator decides, as values and pure functions: desks, partners, triage, and the topics that follow.

In: `deploy/{desks,partners,triage}.yaml`, once, at start. Out: a `Configuration`, or every mistake with its line.
Promised: each (country, role) has a desk, each desk its times; a claim of urgent is never lowered;
a lane depends on codes alone. No clock, no Kafka, no logger. Start with `policy.destinations` and
`policy.triage`; `policy.intake` decides whether a record is taken in at all; `docs/policy.md` is the operator's page.
"""
