"""A view is a value; text and HTML are two renderings of it."""
