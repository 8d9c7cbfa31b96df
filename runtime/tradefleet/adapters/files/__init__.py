"""Files that processes of one machine share: configuration snapshots and status."""
