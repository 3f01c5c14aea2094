"""Plays of Shakespeare (public domain), a part: see README.md here."""
