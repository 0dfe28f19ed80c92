"""The language: what is read, what is refused, and the words in which."""
