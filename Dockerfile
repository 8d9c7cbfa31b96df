# The two images of Tradefleet: `operator`, and `runtime` for shards, executors, the simulator and the
# stores for trying out. BASE_IMAGE has Python 3.11 or later as python3, with venv; nothing is compiled.
#
#   docker build --target runtime -t tradefleet-runtime .
#   docker build --target operator -t tradefleet-operator .
#
# What is locked and what is ours are layers of their own: a new release of ours is pulled in a few MB.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# pip and the builder, with hashes; neither gets into an image, since nothing is ever installed there.
FROM base AS builder
COPY requirements/operator.lock requirements/
RUN python3 -m venv /opt/builder \
    && /opt/builder/bin/pip install --quiet --require-hashes -r requirements/operator.lock

FROM builder AS wheel
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY operator/ operator/
COPY runtime/ runtime/
RUN /opt/builder/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels .

# The bytecode is made here, since the images are read-only where they run.
FROM base AS operator-libraries
COPY requirements/operator.lock requirements/
RUN python3 -m venv /opt/tradefleet \
    && /opt/tradefleet/bin/pip install --quiet --require-hashes -r requirements/operator.lock \
    && /opt/tradefleet/bin/pip uninstall --quiet --yes hatchling trove-classifiers pip \
    && python3 -m compileall -q /opt/tradefleet/lib

# The embedded stores come along, so that the chart can start them without another image.
FROM base AS runtime-libraries
COPY requirements/local.lock requirements/
RUN python3 -m venv /opt/tradefleet \
    && /opt/tradefleet/bin/pip install --quiet --require-hashes -r requirements/local.lock \
    && /opt/tradefleet/bin/pip uninstall --quiet --yes hatchling trove-classifiers pip \
    && python3 -m compileall -q /opt/tradefleet/lib

# Ours, as files that are laid over the libraries: for both images the same.
FROM wheel AS ours
RUN python3 -m venv --without-pip /opt/tradefleet \
    && /opt/builder/bin/pip --python /opt/tradefleet/bin/python install --quiet --no-deps --no-index \
        --prefix /opt/ours /wheels/*.whl \
    && python3 -m compileall -q /opt/ours

FROM ${BASE_IMAGE} AS image
# Postgres and kopf refuse to be a user without a name.
RUN echo "tradefleet:x:65532:65532:tradefleet:/:/usr/sbin/nologin" >>/etc/passwd \
    && echo "tradefleet:x:65532:" >>/etc/group
ENV PATH=/opt/tradefleet/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /

FROM image AS operator
COPY --from=operator-libraries /opt/tradefleet /opt/tradefleet
COPY --from=ours /opt/ours /opt/tradefleet
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
CMD ["python3", "-m", "tradefleet_operator"]
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="tradefleet-operator" \
      org.opencontainers.image.description="Turns TradingBots into running fleets" \
      org.opencontainers.image.licenses="Apache-2.0"

FROM image AS runtime
COPY --from=runtime-libraries /opt/tradefleet /opt/tradefleet
COPY --from=ours /opt/ours /opt/tradefleet
USER 65532:65532
CMD ["tradefleet", "--help"]
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="tradefleet-runtime" \
      org.opencontainers.image.description="Shards, executors, the simulated exchange, stores for trying out" \
      org.opencontainers.image.licenses="Apache-2.0"
