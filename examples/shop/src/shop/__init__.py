"""A small shop: one page, one API, and what an operator needs to run it."""
