"""Asking by chat: notices from the broker's own account, and which answers count."""
