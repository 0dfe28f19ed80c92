"""The life of a gateway inside one process, and the parts it consists of."""
