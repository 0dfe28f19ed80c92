"""What the gateway has to get right in the eyes of other programs."""
