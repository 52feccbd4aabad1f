"""The fault campaign: routers and brokers are killed, paused and cut off, and every referral is counted.

In: a schedule of faults (`schedule`), a seeded stream of referrals, duplicates and conflicts (`workload`).
The router is a black box: `python -m services.router`, seen only through what it leaves in the topics.
Out: what two read_committed readers saw (`readers`), judged by pure functions (`verdict`, `stalls`).
"""
