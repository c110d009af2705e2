# Images of docker-compose.yml, all from one Debian base: app (web and worker processes), redis, postgres and proxy.
# `python tools/images.py` builds them. The secrets are this machine's configuration of pip and its certificates, where it has any.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS packages
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements/run.txt requirements/build.txt requirements/
ARG PIP_INDEX_URL PIP_EXTRA_INDEX_URL
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/run.txt

# The verifier as machine code.
FROM packages AS compiled
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev python3-dev && rm -rf /var/lib/apt/lists/*
COPY tools tools
COPY vm vm
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    .venv/bin/python tools/native.py --need

# The page's scripts and styles.
FROM packages AS page
COPY tools tools
COPY package.json package-lock.json .npmrc ./
COPY static static
ARG NPM_CONFIG_REGISTRY
RUN --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt .venv/bin/python tools/setup.py page

FROM packages AS services
COPY requirements/services.txt requirements/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    .venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/services.txt

FROM ${BASE} AS redis
RUN apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/*
USER redis
COPY deploy/users.acl deploy/redis.sh /
CMD ["sh", "/redis.sh"]

FROM ${BASE} AS postgres
RUN apt-get update \
    && mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf \
    && apt-get install -y --no-install-recommends postgresql-15 \
    && rm -rf /var/lib/apt/lists/* && install -d -o postgres -m 700 /var/lib/postgresql/data
ENV PATH=/usr/lib/postgresql/15/bin:$PATH
USER postgres
COPY deploy/rights.sql deploy/postgres.sh /
STOPSIGNAL SIGINT
CMD ["sh", "/postgres.sh"]

FROM ${BASE} AS proxy
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 proxy-server
USER proxy-server
COPY deploy/nginx.conf deploy/proxy.sh /
CMD ["sh", "/proxy.sh"]

# `python -m playground` (web) or `python manage.py worker`.
FROM ${BASE} AS app
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap python3 && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 bpfscope
WORKDIR /app
COPY --from=services /app/.venv .venv
COPY . .
COPY --from=compiled /app/vm/.native vm/.native
COPY --from=page /app/static/dist static/dist
# Bytecode is written now: the file system is read-only later.
RUN .venv/bin/python -m compileall -q manage.py playground vm && mkdir -p var && chown bpfscope var
USER bpfscope
ENV PATH=/app/.venv/bin:$PATH HOST=0.0.0.0 PORT=8000 BPFSCOPE_COMPILED=1
CMD ["python", "-m", "playground"]
