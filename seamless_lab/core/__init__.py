"""Pure values and functions: no clock, no IO, no environment, no asyncio."""
