"""The page and the API on the ledger's port: what nobody has looked at, for people and for programs.

In: `Figures` under its lock, the configuration, the time. Out: HTML with SVG in it, JSON, CSV; all read-only.
Promised: it works without JavaScript; a silent desk is never shown as clear, one that does not report never as
untouched; while the ledger is not up to date everything says so; no report number or identifier is in anything.
`view` decides what is true, the rest says it.
"""
