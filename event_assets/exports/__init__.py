"""A dataset's tables as other tools describe tables: dbt's sources, a data contract. Pure: a declaration in, a document
out."""
