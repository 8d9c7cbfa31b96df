"""`python -m tradefleet` is the command `tradefleet`; the local fleet starts its children this way."""

from tradefleet.cli import main

if __name__ == "__main__":
    main()
