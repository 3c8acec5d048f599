"""Webhooks out: the endpoints of users, and the deliveries of events to them."""
