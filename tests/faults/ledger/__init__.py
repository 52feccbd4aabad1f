"""The ledger's fault campaign: kill, pause and replace it while referrals and status events flow; count it all again.

In: a seed, a size, a database. Out: a table, `var/faults-ledger.json`, exit 0 or 1. What the ledger must say is
computed anew from the topics (`reckoning`), by code that shares nothing with `services.ledger`.
"""
