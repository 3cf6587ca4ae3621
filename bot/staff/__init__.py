"""The staff rooms: the web console and the staff's bot, two thin faces over the same services."""
