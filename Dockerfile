# The app, its worker and its commands in one image; compose.yaml shows how they go together.
# `python3 .ci/image_steps.py` takes these very steps on a machine without Docker, up to HEALTHCHECK.

FROM python:3.11-slim-bookworm AS build
WORKDIR /srv/tokendesk
COPY requirements.txt ./
# Nothing is compiled here, and nothing is installed but what was locked.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt
COPY app app
COPY config.py gunicorn.conf.py wsgi.py ./
RUN /opt/venv/bin/python -m compileall -q -j 0 app config.py wsgi.py

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin tokendesk
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/tokendesk /srv/tokendesk
WORKDIR /srv/tokendesk
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    FLASK_APP=wsgi \
    ENVIRONMENT=production
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.build_opener(urllib.request.ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "wsgi:app", "--bind", "0.0.0.0:8000"]
