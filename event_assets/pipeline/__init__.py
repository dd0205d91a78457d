"""The platform's graph as data, and what runs it: landing, one date, a range. It knows no Dagster.

steps.py      every transform once: its tables, its inputs with their windows of dates, its rules
workspace.py  a dataset opened for reading or writing: its stores, ledger and engine together
align.py      the landed tables, as the ledger says
intake.py     files of the inbox into raw tables
staleness.py  what a unit would be made from, and so which units are stale
run.py        makes units in order, checks them, publishes them
series.py     what a small plot of a partition shows
watching.py   what receives the progress of a run, as it does it
reconcile.py  where every record of a dataset is
read.py       published tables, for people
"""
