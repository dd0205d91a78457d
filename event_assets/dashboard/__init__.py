"""The web page over the tables: what is asked of them, how it is laid out, and the small server that shows it.

`queries.py` asks the gold tables, `quality.py` the ledger and the logs, `rows.py` single rows; `panels.py` says what
stands on the page, `page.py` turns answers into text, `app.py` serves it. Charts are drawn in the browser by Vega-Lite
(`static/charts.js`) from the very rows that stand in the table beneath each. Nothing here writes, or needs a network.
"""
