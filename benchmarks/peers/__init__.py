"""The field's tools at the same work. Each module runs in the peers' environment, in a process of its own."""
