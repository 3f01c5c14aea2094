"""A part of UNER English EWT (CC BY-SA 4.0): see README.md here."""
