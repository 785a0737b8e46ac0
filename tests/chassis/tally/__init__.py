"""A service as small as can be: it counts completed trades by customer."""
