"""The notifier: tells a person what the ledger noticed, and goes on until somebody has answered.

In: notices. Out: messages by webhook, e-mail or a desk's own topic; an answer comes back by HTTP. Holds one row for
each group of notices and one for each delivery. Promises: one ladder a group, never silent while nobody has answered;
a burst is one message; what is sent twice bears the same id and the same body; one slow or dead endpoint delays no
other. The module to read first is `group`, then `ladder`.
"""
