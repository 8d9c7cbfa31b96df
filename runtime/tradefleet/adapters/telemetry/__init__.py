"""How a process tells what it does: structured log lines."""
