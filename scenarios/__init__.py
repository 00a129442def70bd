"""WHAT is rehearsed: scenarios as data, and the types that read them. Imports nothing else of ours."""
