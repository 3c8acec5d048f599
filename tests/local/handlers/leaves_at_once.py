"""A handler whose import exits the process."""

import sys

sys.exit(7)
