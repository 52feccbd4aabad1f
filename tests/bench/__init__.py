"""How fast the router is, beside two peers on the same broker and input. `make bench`; docs/performance.md.

In: nothing but this checkout. Out: a table, and `var/bench/router.json` (rows by the names of `rows.NAMES`).
Measured from outside: real router processes, records that are committed, a reader of the queues. Start with
`race` (who routes the same records in which time), then `latency` and `memory`.
"""
