"""The demonstration: live streams that streamwatch draws itself, and a receiver that checks what arrives."""
