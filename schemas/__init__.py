"""The contracts: what may be in each topic, as pydantic models and pure functions.

In: bytes as a partner, a desk or a service wrote them. Out: frozen values, or a reason from a closed list.
Pure: no clock, no Kafka, no logger. `make schemas` writes `schemas/json/` and `schemas/asyncapi.yaml` from it.
Start with `schemas.envelope`.
"""
