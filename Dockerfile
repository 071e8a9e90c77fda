# Web processes and workers alike; compose.yaml says which of the two a container is.
FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /srv/routing
ENV UV_PROJECT_ENVIRONMENT=/srv/venv UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --python /usr/local/bin/python
COPY . .
# Collecting static files asks neither the database nor the key.
RUN SECRET_KEY=build DATABASE_URL=postgres://build ROUTING_VAR=/srv/var \
    /srv/venv/bin/python manage.py collectstatic --noinput --verbosity 0

FROM python:3.13-slim
# OR-Tools and scikit-learn need the OpenMP library.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home routing \
    && mkdir -p /srv/var /srv/backups /srv/archive && chown routing /srv/var /srv/backups /srv/archive
COPY --from=build /srv/venv /srv/venv
COPY --from=build /srv/routing /srv/routing
COPY --from=build --chown=routing /srv/var/static /srv/var/static
WORKDIR /srv/routing
ENV PATH=/srv/venv/bin:$PATH PYTHONUNBUFFERED=1 ROUTING_VAR=/srv/var OMP_NUM_THREADS=1 LOG_FORMAT=json
USER routing
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["uvicorn", "config.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--timeout-graceful-shutdown", "30", "--no-access-log"]
