"""The whole stack in containers, as a user starts it: seen with docker, kcat and Prometheus alone."""
