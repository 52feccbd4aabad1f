"""The channels: a message by webhook, by e-mail, on a desk's own topic. A sender makes one try, and says how it went.

What the other end or the network does is a verdict, never an exception, and comes within the limit of time.
"""
