"""A pod and the API server: the bot's resource comes in, status goes out. Nothing here is needed to trade."""
