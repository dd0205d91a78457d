"""What every table promises: columns, types, keys, bounds, descriptions, each declared once.

From the tables declared here come the Pandera checks, the schema in the UI, the cast that ends each
transform, the log's schema and the data dictionary. Nothing here reads or writes a file.
"""
