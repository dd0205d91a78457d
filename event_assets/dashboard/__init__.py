"""The web page over the tables: its queries, its layout, and the small server that shows it.

`queries.py` reads the gold tables, `quality_frames.py` the ledger and the logs, `row_browser.py` single rows.
`panels.py` declares a dataset's page, `page_contents.py` turns answers into text, `server.py` serves it. Vega-Lite
draws the charts in the browser (`static/charts.js`) from the rows of the table beneath each chart.
Nothing here writes or needs a network.
"""
