"""The broker's XMPP accounts: its own, and the human's, on which it only observes."""
