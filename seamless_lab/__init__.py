"""A research workbench for market data that can vouch for every bar."""
