"""The ledger: shows every referral that nobody has looked at.

In: queues, receipts, status and track events. Out: metrics, a page, outcomes for partners, reroute commands for the
router. Holds one entry for each (partner, report, desk), from arrival until a human has looked and a coded outcome
came back. Promises: what each desk has to answer for adds up to what it was sent, at every position read; a crash
loses nothing and counts nothing twice. The module to read first is `entry`, then `batch`.
"""
