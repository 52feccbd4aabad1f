"""The router. In: envelopes on ingress and test topics, reroute commands. Out: queues, receipts, quarantine, seen-log.

Promise: every record the broker acknowledged ends in exactly one outcome, through any crash, pause, fence or
rebalance. All that a record causes is one Kafka transaction with the offset behind it; what a partition
remembers is read back from the seen-log whenever anything went wrong. Start with `services.router.decision`
(what becomes of a record: pure), then `services.router.partition` (how it is made to happen once).
"""
