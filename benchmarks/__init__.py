"""The measured claims: what the intake path does beside the frameworks' own ways of doing it."""
