"""The agent on XMPP: slixmpp and its plugins, nothing that knows of tasks."""
