"""What tells one release from another."""

VERSION = "v1"
COLOUR = "#2f6690"

# The share of the requests for the page and the API that fail, from 0 to 1.
FAULT_RATE = 0.0
