"""What touches the world: Bybit, Postgres, Redis, files, telemetry. One folder a neighbour."""
