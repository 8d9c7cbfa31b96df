"""`python -m tradefleet.services.executor settings.json`."""

import sys

from tradefleet.services.executor.program import main

sys.exit(main(sys.argv[1:]))
