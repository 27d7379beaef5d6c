"""What the operator wrote: value types, schema, loading, and the difference between two settings."""
