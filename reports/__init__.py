"""Pages made from answers: terminal, HTML, JSON. Computes nothing itself."""
