"""What every service shares: settings, Kafka clients, logging, metrics, HTTP, exit codes, a broker.

In: the environment as a mapping. Out: frozen settings, client options, JSON log lines, `/metrics` and health.
Promised: no payload byte reaches a log line or a page from here; what cannot run says so in one line (exits).
It knows none of the services.
"""
