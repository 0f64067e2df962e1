# syntax=docker/dockerfile:1
# docker build -t duet .                                the server on CPUs
# docker build -t duet:cuda --target cuda .             the same for NVIDIA GPUs (run with --gpus all)
# --build-arg FEATURES=bundle,mp4 adds MP4 videos (docs/exports.md says what H.264 asks of those who pass images on), FEATURES=bundle,otel traces (docs/api.md).
# Both take --build-arg DUET_REVISION="$(git rev-parse --short=12 HEAD)", which GET /info then tells.

ARG RUST=1.95
ARG CUDA=12.6.3

FROM rust:${RUST}-bookworm AS build-cpu
WORKDIR /src
COPY . .
ARG DUET_REVISION=unknown
ENV DUET_REVISION=${DUET_REVISION}
ARG FEATURES=bundle
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --features "${FEATURES}" && cp target/release/duet /duet

FROM nvidia/cuda:${CUDA}-devel-ubuntu22.04 AS build-cuda
ARG RUST
RUN apt-get update && apt-get install -y --no-install-recommends build-essential ca-certificates curl && rm -rf /var/lib/apt/lists/*
# Where the image of the other stage has them.
ENV RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:${PATH}
RUN curl -sSf https://sh.rustup.rs | sh -s -- -y --no-modify-path --profile minimal --default-toolchain ${RUST}
# Compute capability of the GPU; 80 (A100) also runs on later ones through their drivers.
ARG CUDA_COMPUTE_CAP=80
ENV CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP}
WORKDIR /src
COPY . .
ARG DUET_REVISION=unknown
ENV DUET_REVISION=${DUET_REVISION}
ARG FEATURES=bundle
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --features "${FEATURES},cuda" && cp target/release/duet /duet

FROM nvidia/cuda:${CUDA}-runtime-ubuntu22.04 AS cuda
# Volumes start as these folders are: the user's own, and results, which hold prompts, nobody else's to read.
RUN useradd --uid 10001 --create-home duet && install -d -o duet /models && install -d -m 700 -o duet /data
COPY --from=build-cuda /duet /usr/local/bin/duet
USER duet
# Models that are imported or pulled go to the first, results and jobs to the second.
ENV DUET_MODELS=/models DUET_DATA_DIR=/data DUET_HOST=0.0.0.0 DUET_LOG_FORMAT=json
VOLUME /models /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["duet", "probe"]
ENTRYPOINT ["duet"]
CMD ["serve"]

FROM debian:bookworm-slim AS cpu
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libstdc++6 && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home duet && install -d -o duet /models && install -d -m 700 -o duet /data
COPY --from=build-cpu /duet /usr/local/bin/duet
USER duet
ENV DUET_MODELS=/models DUET_DATA_DIR=/data DUET_HOST=0.0.0.0 DUET_LOG_FORMAT=json
VOLUME /models /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["duet", "probe"]
ENTRYPOINT ["duet"]
CMD ["serve"]
