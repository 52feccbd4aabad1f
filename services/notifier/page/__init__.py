"""The page and the API on the notifier's port: who is told what, what was not taken, and how somebody answers.

In: the database, the configuration, the time. Out: HTML, JSON. All is read-only but answers, tests and enabling an
endpoint. Promised: a GET changes nothing (mail scanners follow links); an answer needs the message's own token or the
operator's; no report number or identifier is in anything.
"""
