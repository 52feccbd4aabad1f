"""The desks' ends of the notifier's channels, played: a webhook server and a mail server, on this machine alone.

In: messages. Out: a line of JSON each: what came, and whether its signature holds. They misbehave where they
are told to. Nothing is passed on. `python -m services.simulator.sinks` runs both; nothing runs without SIMULATE=1.
"""
