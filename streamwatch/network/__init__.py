"""The way out: which addresses may be dialled, TLS, and the HTTP session that keeps to both."""
