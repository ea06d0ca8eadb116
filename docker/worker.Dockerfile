# A worker with all of the method, for a GPU or a CPU: PyPI's torch brings CUDA along and does without.
# For the CPU alone, smaller, where that index can be reached:
#   docker build -f docker/worker.Dockerfile --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# What to install, as a file of its own: changes of the project that are none of it leave the large layers alone.
FROM ${PYTHON_IMAGE} AS requirements
WORKDIR /build
COPY pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
    > worker.txt

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /build
COPY requirements.lock ./
RUN pip install --no-cache-dir --root-user-action=ignore --upgrade --constraint requirements.lock setuptools
COPY LICENSE README.md pyproject.toml ./
COPY robustify robustify
COPY adapters adapters
COPY workers workers
# The command line asks other servers with it.
COPY client client
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . ./client

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="robustify-worker" \
      org.opencontainers.image.description="Computes votes, certificates and adaptations: the worker of robustify." \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
# One uid in all images: they share the volumes below, which a new volume takes its owner from.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin robustify \
 && install --directory --owner=robustify --group=robustify /state /models

# Layers in the order in which they change: torch with CUDA, the other packages, the project.
ARG TORCH_INDEX=""
COPY requirements.lock /build/
RUN pip install --no-cache-dir --root-user-action=ignore --constraint /build/requirements.lock \
    ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch torchvision
COPY --from=requirements /build/worker.txt /build/
RUN pip install --no-cache-dir --root-user-action=ignore --constraint /build/requirements.lock \
    --requirement /build/worker.txt
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --root-user-action=ignore --no-deps /wheels/*.whl

ENV ROBUSTIFY_STATE_DIR=/state \
    HF_HOME=/models \
    HF_HUB_OFFLINE=1
WORKDIR /tmp
USER 10001:10001
# Asks the queue server whether the worker of this container has shown itself lately.
HEALTHCHECK --interval=30s --timeout=20s --start-period=5m --retries=3 CMD ["python", "-m", "workers.health"]
CMD ["python", "-m", "workers"]
