# One image for the Spark master, the workers, the streams, the batch jobs and the producers.
# The same steps as on a bare machine: Python, Java, `make setup`.
FROM python:3.12-slim-bookworm

# The setup needs make; Spark's scripts call `ps`, from procps.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make openjdk-17-jre-headless procps \
    && rm -rf /var/lib/apt/lists/*

# The user owns the tables' folder, and so the volume that Docker creates from it.
RUN useradd --create-home --uid 10001 lakehouse \
    && mkdir -p /opt/lakehouse /data/lakehouse \
    && chown lakehouse:lakehouse /opt/lakehouse /data/lakehouse
USER lakehouse
WORKDIR /opt/lakehouse

# Dependencies first, so that a code change does not reinstall them.
COPY --chown=lakehouse:lakehouse Makefile README.md pyproject.toml requirements.lock ./
RUN make setup
ENV PATH=/opt/lakehouse/.venv/bin:$PATH \
    PYSPARK_PYTHON=/opt/lakehouse/.venv/bin/python \
    PYTHONUNBUFFERED=1

# Spark's jars go into the image, so that containers start without a network. -Xshare prevents the class archive
# (lakehouse/jvm/class_archive.py), which the end of this step would truncate.
COPY --chown=lakehouse:lakehouse conf/ conf/
COPY --chown=lakehouse:lakehouse lakehouse/ lakehouse/
RUN printf 'from lakehouse.spark.session import spark_session\nwith spark_session("image"):\n    pass\n' \
    | JAVA_TOOL_OPTIONS=-Xshare:auto python -

COPY --chown=lakehouse:lakehouse bronze/ bronze/
COPY --chown=lakehouse:lakehouse silver/ silver/
COPY --chown=lakehouse:lakehouse gold/ gold/
COPY --chown=lakehouse:lakehouse quality/ quality/
COPY --chown=lakehouse:lakehouse maintenance/ maintenance/
COPY --chown=lakehouse:lakehouse producers/ producers/
COPY --chown=lakehouse:lakehouse operations/ operations/

ENV LAKEHOUSE_ENV=docker
CMD ["lakehouse", "doctor"]
