"""Sentences as pictures: words that wrap, spans tinted and underlined, labels in small print; shared by all stages."""
