"""Built-in plugins, through the same door as anybody's."""
