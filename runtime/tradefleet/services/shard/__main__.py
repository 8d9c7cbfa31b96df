"""`python -m tradefleet.services.shard settings.json`."""

import sys

from tradefleet.services.shard.program import main

sys.exit(main(sys.argv[1:]))
