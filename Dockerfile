# One image for the Spark master, the workers, the streams, the batch jobs and the producers. The first two stages download
# and install; the last only copies, so that building it needs no network.
FROM python:3.12-slim-bookworm AS java

# Debian keeps only the newest version of a package: a pinned one soon cannot be installed.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jdk-headless \
    && rm -rf /var/lib/apt/lists/*

# A Java with the modules that Spark uses, a third of the package: with the archive of its own classes, which halves the
# start of a JVM, and with the certificates that Debian trusts.
RUN jlink --output /opt/java \
        --add-modules java.se,jdk.unsupported,jdk.incubator.vector,jdk.crypto.ec,jdk.management,jdk.net,jdk.zipfs \
        --add-modules jdk.charsets,jdk.jcmd,jdk.jfr,jdk.naming.dns,jdk.security.auth,jdk.security.jgss \
        --strip-java-debug-attributes --no-header-files --no-man-pages --compress=2 \
    && /opt/java/bin/java -Xshare:dump \
    && cp --dereference /etc/ssl/certs/java/cacerts /opt/java/lib/security/cacerts

FROM python:3.12-slim-bookworm AS packages

# Every package of the lock file, checked against its hash. What runs is chosen from these.
WORKDIR /opt/lakehouse
COPY requirements.lock ./
RUN pip wheel --no-cache-dir --require-hashes --wheel-dir /wheels --requirement requirements.lock

# Only the dependencies of pyproject.toml: no linters, no test packages, no pip. Of the project only its command: the last
# stage adds the code.
COPY README.md pyproject.toml ./
RUN python -m venv --without-pip .venv \
    && pip --python .venv/bin/python install --no-cache-dir --no-index --find-links /wheels .

COPY --from=java /opt/java /opt/java
# Spark's jars become part of Spark, so that containers start without a network and without resolving anything.
ENV PATH=/opt/lakehouse/.venv/bin:$PATH \
    JAVA_HOME=/opt/java
COPY conf/spark-defaults.conf conf/
RUN touch /tmp/nothing.py \
    && spark-submit --properties-file conf/spark-defaults.conf --conf spark.jars.ivy=/tmp/ivy /tmp/nothing.py \
    && mv /tmp/ivy/jars/*.jar .venv/lib/python*/site-packages/pyspark/jars/

# What no job loads: the tests of the packages, Arrow's Flight and C++ headers, Faker's other languages, and of Spark:
# pandas on Spark, Hive and its SQL server, Connect, the shell, YARN, the RocksDB state store (the streams keep no state),
# and libraries of other systems.
WORKDIR /opt/lakehouse/.venv/lib
RUN find . -type d -name tests -prune -exec rm -r {} + \
    && find . -type d -path '*/faker/providers/*/??_*' ! -name 'en_*' ! -name 'es_*' -prune -exec rm -r {} + \
    && arrow="$(find . -type d -path '*/site-packages/pyarrow')" \
    && rm -r "$arrow"/include "$arrow"/*flight* \
    && spark="$(find . -type d -path '*/site-packages/pyspark')" \
    && rm -r "$spark"/examples "$spark"/pandas "$spark"/jars/connect-repl \
    && rm "$spark"/jars/spark-connect* "$spark"/jars/spark-hive* "$spark"/jars/spark-repl* "$spark"/jars/spark-yarn* \
        "$spark"/jars/hive-beeline-* "$spark"/jars/hive-cli-* "$spark"/jars/hive-exec-* "$spark"/jars/hive-jdbc-* \
        "$spark"/jars/hive-metastore-* "$spark"/jars/hive-service-rpc-* "$spark"/jars/datanucleus-* \
        "$spark"/jars/derby* "$spark"/jars/jline-* "$spark"/jars/rocksdbjni-* "$spark"/jars/scala-compiler-* \
        "$spark"/jars/*-osx-* "$spark"/jars/*-windows-*

FROM python:3.12-slim-bookworm

# The user owns what may be written: the tables, and where Spark's executors sort. A volume created from such a folder
# has the same owner.
RUN useradd --uid 10001 lakehouse \
    && mkdir -p /data/lakehouse /scratch \
    && chown lakehouse:lakehouse /data/lakehouse /scratch
COPY --from=java /opt/java /opt/java
COPY --from=packages /opt/lakehouse/.venv /opt/lakehouse/.venv
# spark-submit --load-spark-defaults reads the Spark settings of SPARK_CONF_DIR. Nothing caches compiled Python: the
# modules are compiled below, and the file system may be read-only.
ENV PATH=/opt/lakehouse/.venv/bin:/opt/java/bin:$PATH \
    JAVA_HOME=/opt/java \
    LAKEHOUSE_ENV=docker \
    PYSPARK_PYTHON=/opt/lakehouse/.venv/bin/python \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/opt/lakehouse \
    PYTHONUNBUFFERED=1 \
    SPARK_CONF_DIR=/opt/lakehouse/conf

WORKDIR /opt/lakehouse
COPY conf/ conf/
COPY lakehouse/ lakehouse/
COPY bronze/ bronze/
COPY silver/ silver/
COPY gold/ gold/
COPY quality/ quality/
COPY maintenance/ maintenance/
COPY producers/ producers/
COPY operations/ operations/
# The jars are part of this image's Spark: nothing is left to resolve.
RUN sed -i '/^spark\.jars\./d' conf/spark-defaults.conf \
    && python -m compileall -q lakehouse bronze silver gold quality maintenance producers operations

# As a number, so that Kubernetes can tell that it is not root.
USER 10001
CMD ["lakehouse", "doctor"]
