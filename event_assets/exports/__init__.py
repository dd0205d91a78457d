"""Documents of other tools from declarations: dbt sources, data contracts, OpenLineage events."""
