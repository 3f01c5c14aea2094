"""How labelled texts are edited and how a classifier's answers are shown. Only the shell imports this module."""
