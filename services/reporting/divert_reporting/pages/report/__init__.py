"""The report that a council office may publish, and the one for a provider: composed once, drawn as HTML and as PDF."""
