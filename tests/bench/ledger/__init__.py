"""How fast the ledger is, from outside: real processes behind a real router's queues. docs/performance.md.

Each measurement has a broker of its own, since queues are shared by all that a cluster holds. Start with `intake`
(what it takes in), then `scale` (what ten million waiting entries cost) and `freshness` (how soon it shows).
"""
