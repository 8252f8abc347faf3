# One image per service:
#   docker build --target auth_service -t sallyport-auth .
#   docker build --target mcp_service  -t sallyport-mcp  .
# pip uses the package index that the builder is configured with, and checks every hash.
ARG PYTHON_IMAGE=python:3.13.14-slim-bookworm@sha256:9d7f287598e1a5a978c015ee176d8216435aaf335ed69ac3c38dd1bbb10e8d64

FROM ${PYTHON_IMAGE} AS dependencies
COPY requirements.txt /
# The pip of the build stage installs into the environment, so that the image contains no pip.
RUN python -m venv --without-pip /opt/sallyport \
    && python -m pip --python /opt/sallyport/bin/python install \
        --no-cache-dir --disable-pip-version-check --require-hashes -r /requirements.txt \
    && find /opt/sallyport -depth -type d \( -name tests -o -name test \) -path '*/site-packages/*' -exec rm -rf {} +

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/sallyport/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    PYTHONSAFEPATH=1
RUN groupadd --gid 10001 sallyport \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sallyport
COPY --from=dependencies /opt/sallyport /opt/sallyport
WORKDIR /app
COPY shared shared

FROM base AS auth_service
# The first start writes the key encryption key and the passwords of the stores here; 999 is the group of the stores.
RUN install --directory --owner=sallyport --group=sallyport --mode=0700 /secrets \
    && install --directory --owner=sallyport --group=999 --mode=0750 /store-secrets /notes-secrets
COPY auth_service auth_service
RUN python -m compileall -q /app
USER sallyport
ENV AUTH_HOST=0.0.0.0 AUTH_PORT=9000
EXPOSE 9000
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --start-interval=1s \
    CMD ["python", "-m", "shared.http.probe", "9000"]
CMD ["python", "-m", "auth_service", "serve"]

# The last stage: compose.yaml names none, because a Dockerfile of your own may take its place.
FROM base AS mcp_service
# What mcp_service writes: the declaration of its scopes, and the keys that sign assertions.
RUN install --directory --owner=sallyport --group=sallyport --mode=0700 /declaration /state
COPY mcp_service mcp_service
RUN python -m compileall -q /app
USER sallyport
ENV MCP_HOST=0.0.0.0 MCP_PORT=9001
EXPOSE 9001
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --start-interval=1s \
    CMD ["python", "-m", "shared.http.probe", "9001"]
CMD ["python", "-m", "mcp_service", "serve"]
