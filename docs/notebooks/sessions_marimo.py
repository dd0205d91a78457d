"""Sessions of the shop, as a marimo notebook: `marimo edit docs/notebooks/sessions_marimo.py`.

First run `event-assets demo` or `event-assets run shop`, which materialize the tables of the dataset `shop`.
"""

import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import polars as pl

    import event_assets as ea

    lake = ea.open()
    return lake, mo, pl


@app.cell
def _(mo):
    mo.md("""# Sessions of the shop""")
    return


@app.cell
def _(lake):
    status = lake.status("shop")
    status
    return (status,)


@app.cell
def _(lake, pl):
    sessions = lake.table("shop.sessions")
    by_day = (
        sessions.group_by("event_date")
        .agg(
            pl.len().alias("sessions"),
            pl.col("user_id").n_unique().alias("users"),
            pl.col("event_count").mean().round(2).alias("events_each"),
        )
        .sort("event_date")
        .collect()
    )
    by_day
    return by_day, sessions


@app.cell
def _(by_day, lake, pl):
    bought = lake.sql(
        """
        SELECT event_date, count(DISTINCT session_id) AS with_purchase
        FROM shop.joined_facts WHERE event_type = 'purchase'
        GROUP BY event_date ORDER BY event_date
        """
    )
    conversion = by_day.join(bought, on="event_date", how="left").with_columns(
        (pl.col("with_purchase").fill_null(0) / pl.col("sessions")).round(4).alias("share")
    )
    conversion
    return (conversion,)


@app.cell
def _(pl, sessions):
    long_ones = sessions.filter(pl.col("duration_seconds") > 600)
    most_events = long_ones.duckdb().aggregate("max(event_count)").fetchall()
    most_events
    return long_ones, most_events


if __name__ == "__main__":
    app.run()
