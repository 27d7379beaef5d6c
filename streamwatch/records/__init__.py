"""What travels between the rooms: frozen dataclasses without behaviour."""
