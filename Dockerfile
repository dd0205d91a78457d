# event_assets, as a program (`docker run IMAGE demo`) and with Dagster over PostgreSQL: one image for code location, web
# server and daemon (compose.yaml). docs/how-to/production.md says how to use it.
#   docker build -t event_assets .                    the image
#   docker build -t event_assets:spark --target spark .   the same with Java and Spark
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /build
COPY requirements.lock requirements.production.lock ./
# The build backend alone, by the hashes of the development lock; pip refuses where one that it needs is not there.
RUN awk '/^[a-z]/ {named = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/} named' requirements.lock > build.lock \
    && /build/bin/pip install --quiet --require-hashes --requirement build.lock
RUN python -m venv --without-pip /opt/venv \
    && /build/bin/pip --python /opt/venv/bin/python install --quiet --no-deps --only-binary :all: --no-compile \
       --require-hashes --requirement requirements.production.lock
COPY pyproject.toml README.md LICENSE ./
COPY event_assets event_assets
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /build/bin/pip --python /opt/venv/bin/python install --quiet --no-deps --no-index --no-compile /wheels/*.whl

FROM ${BASE} AS image
RUN groupadd --gid 10001 dagster \
    && useradd --uid 10001 --gid dagster --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin dagster \
    && install --directory --owner dagster --group dagster /lake /inbox /cache /datasets /home/dagster /home/dagster/printed /home/dagster/alone
COPY --from=build /opt/venv /opt/venv
# Compiled once here: a run is a process of its own, and the user of the image can't write beside the modules.
RUN /opt/venv/bin/python -m compileall -q /opt/venv/lib
COPY docs/deployment/dagster.yaml docs/deployment/workspace.yaml /home/dagster/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DAGSTER_HOME=/home/dagster \
    DAGSTER_COMPUTE_LOGS=/home/dagster/printed \
    DAGSTER_POSTGRES_PORT=5432 \
    DAGSTER_POSTGRES_DB=dagster \
    DAGSTER_POSTGRES_USER=dagster \
    EVENT_ASSETS_CODE_HOST=code \
    EVENT_ASSETS_CODE_PORT=4000 \
    EVENT_ASSETS_INBOX=/inbox \
    EVENT_ASSETS_LAKE=/lake \
    EVENT_ASSETS_CACHE=/cache \
    EVENT_ASSETS_WAREHOUSE=/lake/warehouse.duckdb \
    EVENT_ASSETS_DATASETS=/datasets
WORKDIR /home/dagster
COPY docs/deployment/entrypoint.sh /usr/local/bin/entrypoint
USER dagster
ENTRYPOINT ["entrypoint"]
# Of the code location, which is what the image runs unless it is told otherwise; compose.yaml has those of the others.
HEALTHCHECK --interval=30s --timeout=20s --start-period=120s \
    CMD ["dagster", "api", "grpc-health-check", "-p", "4000"]
CMD ["dagster", "api", "grpc", "-h", "0.0.0.0", "-p", "4000", "-m", "event_assets.definitions", "--location-name", "event_assets"]

FROM image AS spark
USER root
RUN apt-get update && apt-get install --yes --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.lock /tmp/requirements.lock
RUN --mount=from=build,source=/build,target=/build \
    awk '/^[a-z]/ {named = /^(pyspark|py4j|pandas|numpy|python-dateutil|pytz|tzdata|six|grpcio|grpcio-status|googleapis-common-protos|protobuf|zstandard)(\[[a-z,]*\])?==/} named' \
        /tmp/requirements.lock > /tmp/spark.lock \
    && /build/bin/pip --python /opt/venv/bin/python install --quiet --no-deps --no-compile --require-hashes \
       --requirement /tmp/spark.lock && rm /tmp/*.lock
ENV EVENT_ASSETS_ENGINE=spark
USER dagster

# What `docker build .` makes is the last stage.
FROM image
