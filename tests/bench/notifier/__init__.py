"""How fast the notifier tells, from outside: real processes, a sink that writes down what came. docs/performance.md.

Start with `volume` (many notices for many desks, two of which are dead) and `probes` (from a partner's urgent record to
the desk's webhook, through router, ledger and notifier).
"""
