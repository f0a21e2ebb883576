"""Ways to ask a human: each implements :class:`nuketown_broker.contract.Channel`."""
