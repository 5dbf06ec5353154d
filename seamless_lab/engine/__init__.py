"""The use cases, asynchronous, written against the ports in `ports`."""
