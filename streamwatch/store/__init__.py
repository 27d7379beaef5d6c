"""What survives a restart: incidents, trigger state, the outbox and evidence pictures."""
