# One image, two commands: `python -m playground` (web) and `python manage.py worker`. See docker-compose.yml.
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 bpfscope
WORKDIR /app
COPY requirements requirements
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/services.txt
COPY . .
# The page, the verifier as machine code, and bytecode: the file system is read-only later.
RUN .venv/bin/python tools/setup.py page \
    && .venv/bin/python tools/native.py \
    && .venv/bin/python -m compileall -q playground vm \
    && mkdir -p /app/var && chown bpfscope /app/var
USER bpfscope
ENV PATH=/app/.venv/bin:$PATH HOST=0.0.0.0 PORT=8000
CMD ["python", "-m", "playground"]
