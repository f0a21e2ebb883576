"""An agent's keys: made on its machine, registered at GitHub with its one secret, a token."""
