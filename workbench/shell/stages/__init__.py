"""The six stages, from data to explanation; each module is imported on the first visit."""
