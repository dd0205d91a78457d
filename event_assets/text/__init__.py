"""Parsing texts: encodings, times, numbers, JSON, URLs, dates in file names. Knows no lake and no dataset."""
