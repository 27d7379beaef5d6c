"""From scores to incidents: pure, with time as an argument."""
