"""Reading text: encodings, times and dates in file names. Knows no lake and no dataset."""
