"""Rendered people: posed, dressed and lit bodies with props, in pairs where only the intent or the place differs."""
