"""What tells one release from another."""

VERSION = "v2"
COLOUR = "#2a7a55"

# The share of the requests for the page and the API that fail, from 0 to 1.
FAULT_RATE = 0.0
