"""What bench and fault campaign of the notifier share: many notices, 150 desks, a sink that writes it all down.

Start with `load` (what is sent), then `account` (what a sink's log must hold for it).
"""
