"""The commands: what they print where, and how they end."""
