"""A vision-language model of the operator's is asked about the pictures of an incident; it never decides alone."""
