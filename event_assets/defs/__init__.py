"""The shipped datasets, one folder each: NAME/defs.yaml declares the dataset NAME."""
