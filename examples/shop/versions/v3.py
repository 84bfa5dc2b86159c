"""What tells one release from another."""

VERSION = "v3"
COLOUR = "#9a4f2c"

# The share of the requests for the page and the API that fail, from 0 to 1.
FAULT_RATE = 0.2
