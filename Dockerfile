# The packages of requirements.lock, for the CPU or with CUDA; the project itself is mounted:
#   docker build -t onecycle --build-arg UID=$(id -u) .                           # for the CPU
#   docker build -t onecycle --build-arg UID=$(id -u) --build-arg DEVICE=cuda .   # with CUDA
# docs/operations.md says how to run in it.
FROM python:3.12-slim
RUN apt-get update && apt-get install --yes --no-install-recommends git make openssh-client \
 && rm -rf /var/lib/apt/lists/*
ARG DEVICE=cpu
COPY requirements.lock /tmp/
# For the CPU torch comes in the same version, but from PyTorch's own place and without CUDA.
RUN cd /tmp && python -m pip install --no-cache-dir --quiet uv \
 && grep -oE '^(torch|torchvision)==[^ ]+' requirements.lock > torch.txt \
 && if [ "$DEVICE" = cpu ]; then \
      sed -E -i '/^(torch|torchvision|triton|cuda-[a-z-]+|nvidia-[a-z0-9-]+)(\[|==)/,/[^\\]$/d' requirements.lock \
      && uv pip install --system --no-cache --no-deps --torch-backend cpu -r torch.txt; \
    fi \
 && uv pip install --system --no-cache --no-deps --require-hashes -r requirements.lock
ARG UID=1000
RUN useradd --create-home --uid "$UID" onecycle
USER onecycle
# make takes this environment instead of making one.
ENV PYTHON=/usr/local/bin/python
