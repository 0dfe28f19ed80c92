"""HTTP/1.1 by its rules: a table of requests and one of responses, and what holds the gateway to them."""
