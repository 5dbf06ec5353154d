"""`python -m seamless_lab.cli`: the same as `seamless`."""

import sys

from seamless_lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
