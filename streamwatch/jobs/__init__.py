"""What clients of the HTTP API submit: pictures, videos and streams, from acceptance to the last callback."""
