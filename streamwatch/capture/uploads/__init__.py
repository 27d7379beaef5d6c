"""Pictures and videos that clients hand in: decoded in processes of their own, away from live streams."""
