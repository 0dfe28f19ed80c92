"""What answers inside an origin, or behind one: each says in its response which request it has seen."""
