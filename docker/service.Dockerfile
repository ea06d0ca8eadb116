# The HTTP API alone: what `service` imports, no model library and no weights.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# What to install, as a file of its own: changes of the project that are none of it leave the packages' layer alone.
FROM ${PYTHON_IMAGE} AS requirements
WORKDIR /build
COPY pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']['service'], sep='\n')" \
    > service.txt

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /build
COPY requirements.lock ./
RUN pip install --no-cache-dir --root-user-action=ignore --upgrade --constraint requirements.lock setuptools
COPY LICENSE README.md pyproject.toml ./
COPY robustify robustify
COPY adapters adapters
COPY service service
# The manifest of the weights says what the fingerprint must know of them.
RUN find adapters -name '*.safetensors' -delete \
 && pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="robustify-service" \
      org.opencontainers.image.description="Certified image classification over HTTP: the front end of robustify." \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# One uid in all images: they share the volume below, which a new volume takes its owner from.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin robustify \
 && install --directory --owner=robustify --group=robustify /state

COPY requirements.lock /build/
COPY --from=requirements /build/service.txt /build/
RUN pip install --no-cache-dir --root-user-action=ignore --constraint /build/requirements.lock \
    --requirement /build/service.txt
# The command line is for workers.
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --root-user-action=ignore --no-deps /wheels/*.whl \
 && rm /usr/local/bin/robustify

# Inside the container; who reaches it from outside is Docker's, and the keys', to say.
ENV ROBUSTIFY_STATE_DIR=/state \
    ROBUSTIFY_HOST=0.0.0.0
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "service"]
