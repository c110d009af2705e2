"""Converts vm values to messages and values for templates. No other package does this."""
