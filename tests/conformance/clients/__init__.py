"""Clients that people have, with the gateway between them and a site: a page of everyday use, use by use."""
