# The two images of Tradefleet: `operator`, and `runtime` for shards, executors, the simulator and the
# stores for trying out. BASE_IMAGE has Python 3.11 or later as python3, with venv; nothing is compiled.
#
#   docker build --target runtime -t tradefleet-runtime .
#   docker build --target operator -t tradefleet-operator .
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/ requirements/

# What is locked comes first: it changes seldom, and so its layer is kept.
FROM build AS build-operator
RUN python3 -m venv /opt/tradefleet \
    && /opt/tradefleet/bin/pip install --quiet --require-hashes -r requirements/operator.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY operator/ operator/
COPY runtime/ runtime/
# Without its builder and without pip: nothing is ever installed into a running image. The bytecode is
# made here, since the images are read-only where they run.
RUN /opt/tradefleet/bin/pip install --quiet --no-deps --no-build-isolation . \
    && /opt/tradefleet/bin/pip uninstall --quiet --yes hatchling pip \
    && python3 -m compileall -q /opt/tradefleet/lib

# The embedded stores come along, so that the chart can start them without another image.
FROM build AS build-runtime
RUN python3 -m venv /opt/tradefleet \
    && /opt/tradefleet/bin/pip install --quiet --require-hashes -r requirements/local.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY operator/ operator/
COPY runtime/ runtime/
RUN /opt/tradefleet/bin/pip install --quiet --no-deps --no-build-isolation . \
    && /opt/tradefleet/bin/pip uninstall --quiet --yes hatchling pip \
    && python3 -m compileall -q /opt/tradefleet/lib

FROM ${BASE_IMAGE} AS operator
# Postgres and kopf refuse to be a user without a name.
RUN echo "tradefleet:x:65532:65532:tradefleet:/:/usr/sbin/nologin" >>/etc/passwd \
    && echo "tradefleet:x:65532:" >>/etc/group
COPY --from=build-operator /opt/tradefleet /opt/tradefleet
ENV PATH=/opt/tradefleet/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="tradefleet-operator" \
      org.opencontainers.image.description="Turns TradingBots into running fleets" \
      org.opencontainers.image.licenses="Apache-2.0"
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /
CMD ["python3", "-m", "tradefleet_operator"]

FROM ${BASE_IMAGE} AS runtime
# Postgres and kopf refuse to be a user without a name.
RUN echo "tradefleet:x:65532:65532:tradefleet:/:/usr/sbin/nologin" >>/etc/passwd \
    && echo "tradefleet:x:65532:" >>/etc/group
COPY --from=build-runtime /opt/tradefleet /opt/tradefleet
ENV PATH=/opt/tradefleet/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="tradefleet-runtime" \
      org.opencontainers.image.description="Shards, executors, the simulated exchange, stores for trying out" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
WORKDIR /
CMD ["tradefleet", "--help"]
