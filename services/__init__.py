"""The processes: each meets the others in topics and in `schemas`, never in an import."""
