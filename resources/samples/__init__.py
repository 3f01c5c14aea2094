"""Files shipped with the application."""
