"""The two pure machines: SymbolPipeline (frames to signals) and AccountCore (signals to orders)."""
