"""How streamwatch is seen from outside: logs, metrics, the systemd heartbeat, and what they must not show."""
