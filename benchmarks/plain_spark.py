"""The same work as `plain_polars.py` in PySpark on this machine, over all dates at once.

`plain_spark.py INBOX OUT`. A ragged line is dropped by `DROPMALFORMED`.
"""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.window import Window

COLUMNS = ("log_id", "user_id", "timestamp", "event_type", "platform", "product", "watch_time")
SESSIONS = uuid.uuid5(uuid.NAMESPACE_URL, "event_assets:session").hex
TIMES = {"Z": "yyyy-MM-dd'T'HH:mm:ss'Z'", "00": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"}
OTHER_TIMES = "yyyy-MM-dd HH:mm:ss"


def main(inbox: Path, out: Path) -> None:
    spark = (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.memory", os.environ.get("BENCH_SPARK_MEMORY", "6g"))
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
        .config("spark.sql.ansi.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .config("spark.sql.shuffle.partitions", str(2 * (os.cpu_count() or 1)))
        .getOrCreate()
    )
    gateway = spark.sparkContext._gateway
    assert gateway is not None
    raw = read(spark, inbox)
    write(out, "raw_events", raw)
    # Parquet is read again faster than CSV; so for what several tables are made of.
    events = clean(spark.read.parquet(str(out / "raw_events")))
    write(out, "cleaned_events", events)
    facts, sessions = joined(spark.read.parquet(str(out / "cleaned_events")), read_profiles(spark, inbox))
    write(out, "joined_facts", facts)
    write(out, "sessions", sessions)
    write_gold(spark, out)
    spark.stop()
    # Java ends with its input; waited for, its CPU time is counted with this process's.
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


def read(spark: SparkSession, inbox: Path) -> DataFrame:
    schema = ", ".join(f"{name} STRING" for name in COLUMNS)
    files = [str(path) for path in sorted(inbox.glob("events_*.csv"))]
    raw = spark.read.csv(files, schema=schema, header=True, escape='"', mode="DROPMALFORMED")
    text = f.col("timestamp")
    time = f.when(text.endswith("Z"), f.try_to_timestamp(text, f.lit(TIMES["Z"])))
    time = time.when(text.endswith("00") & text.contains("+"), f.try_to_timestamp(text, f.lit(TIMES["00"])))
    time = time.otherwise(f.try_to_timestamp(text, f.lit(OTHER_TIMES)))
    dated = raw.withColumn("event_time", time).drop("timestamp").filter(f.col("event_time").isNotNull())
    return dated.withColumn("event_date", f.to_date("event_time"))


def read_profiles(spark: SparkSession, inbox: Path) -> DataFrame:
    rows = spark.read.csv(
        str(inbox / "profiles.csv"), schema="user_id BIGINT, country STRING, plan STRING, signup_date DATE", header=True
    )
    # One small file is read in its order, so this number is the row's place in it.
    last = Window.partitionBy("user_id").orderBy(f.desc("place"))
    rows = rows.withColumn("place", f.monotonically_increasing_id()).withColumn("n", f.row_number().over(last))
    return rows.filter("n = 1").select(
        "user_id",
        f.upper(f.trim("country")).alias("country"),
        f.lower("plan").alias("plan"),
        "signup_date",
        f.lit(True).alias("has_profile"),
    )


def clean(raw: DataFrame) -> DataFrame:
    kind, platform = f.lower(f.trim("event_type")), f.lower(f.trim("platform"))
    typed = raw.select(
        f.col("log_id").alias("event_id"),
        f.col("user_id").try_cast("bigint").alias("user_id"),
        f.when(kind == "start", "play").when(kind == "purchase", "buy").otherwise(kind).alias("event_type"),
        "event_time",
        "log_id",
        f.when(platform == "ios", "iOS")
        .when(platform == "android", "Android")
        .when(platform == "web", "Web")
        .alias("platform"),
        "product",
        f.col("watch_time").try_cast("decimal(9,2)").alias("watch_time"),
        "event_date",
    ).filter("user_id IS NOT NULL AND watch_time >= 0")
    first = Window.partitionBy("event_date", "event_id").orderBy("event_time")
    return typed.withColumn("n", f.row_number().over(first)).filter("n = 1").drop("n")


def joined(events: DataFrame, profiles: DataFrame) -> tuple[DataFrame, DataFrame]:
    by_user = Window.partitionBy("user_id").orderBy("event_time", "event_id")
    time = f.col("event_time")
    pause = f.unix_micros(time) - f.unix_micros(f.lag(time).over(by_user))
    begins = f.coalesce(pause > 30 * 60 * 1_000_000, f.lit(True))
    events = events.withColumn("begin", f.when(begins, time))
    events = events.withColumn("session_start", f.max("begin").over(by_user)).drop("begin")
    key = ["user_id", "session_start"]
    sessions = events.groupBy(*key).agg(
        f.max("event_time").alias("session_end"),
        f.count("*").alias("event_count"),
        f.array_join(f.sort_array(f.collect_set("event_type")), ",").alias("event_types"),
    )
    seconds = (f.unix_micros("session_end") - f.unix_micros("session_start")) / 1e6
    sessions = sessions.withColumn("session_id", session_id()).withColumn("duration_seconds", seconds)
    sessions = sessions.withColumn("event_date", f.to_date("session_start")).cache()
    facts = events.join(sessions.select(*key, "session_id"), on=key).drop("session_start")
    facts = facts.join(profiles, on="user_id", how="left")
    return facts.withColumn("has_profile", f.coalesce("has_profile", f.lit(False))), sessions


def session_id() -> Column:
    user, start = f.col("user_id").cast("string"), f.unix_micros("session_start").cast("string")
    name = f.concat_ws(":", f.lit("5:bench"), f.length(user), user, f.length(start), start)
    digest = f.sha1(f.concat(f.unhex(f.lit(SESSIONS)), f.encode(name, "UTF-8")))
    variant = f.substring(f.lit("89ab89ab89ab89ab"), f.conv(f.substring(digest, 17, 1), 16, 10).cast("int") + 1, 1)
    groups = (f.substring(digest, 1, 8), f.substring(digest, 9, 4), f.concat(f.lit("5"), f.substring(digest, 14, 3)))
    return f.concat_ws("-", *groups, f.concat(variant, f.substring(digest, 18, 3)), f.substring(digest, 21, 12))


def write_gold(spark: SparkSession, out: Path) -> None:
    facts = spark.read.parquet(str(out / "joined_facts"))
    by_user = facts.groupBy("event_date", "user_id").agg(
        f.count("*").alias("event_count"),
        f.countDistinct("session_id").alias("session_count"),
        f.min("event_time").alias("first_event_time"),
        f.max("event_time").alias("last_event_time"),
    )
    write(out, "daily_summary", by_user)
    sessions = facts.filter("platform IS NOT NULL").select("platform", "user_id", "session_id", "event_date").distinct()
    write(out, "platform_sessions", sessions)
    sessions = spark.read.parquet(str(out / "platform_sessions"))
    write(out, "top_users", ranked(sessions, ["event_date", "platform"]))
    overall = ranked(sessions, ["platform"])
    overall.coalesce(1).write.parquet(str(out / "top_users_overall"), compression="snappy")
    minutes = facts.groupBy("event_date", f.date_trunc("minute", "event_time").alias("minute"), "event_type")
    write(out, "events_by_minute", minutes.agg(f.count("*").alias("event_count")))
    types = facts.groupBy("event_date", "event_type")
    counts = types.agg(f.count("*").alias("event_count"), f.countDistinct("user_id").alias("user_count"))
    write(out, "events_by_type", counts)


def ranked(sessions: DataFrame, by: list[str]) -> DataFrame:
    users = sessions.groupBy(*by, "user_id").agg(f.countDistinct("session_id").alias("session_count"))
    order = Window.partitionBy(*by).orderBy(f.desc("session_count"), f.col("user_id").cast("string"))
    return users.withColumn("rank", f.row_number().over(order)).filter("rank <= 10")


def write(out: Path, table: str, frame: DataFrame) -> None:
    frame = frame.repartition("event_date")
    frame.write.partitionBy("event_date").parquet(str(out / table), compression="snappy")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
