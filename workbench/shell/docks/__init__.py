"""The panels around the stages: project, inspector, and the bottom panel with run monitor, log and problems."""
