"""Configuration: from sources to values that are checked, and each knows where it comes from."""
