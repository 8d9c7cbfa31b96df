"""Bybit V5: the order path, account reads, and the streams. Nothing above this folder knows its words."""
