"""An XMPP account that stays online: what daemon and broker share of it."""
