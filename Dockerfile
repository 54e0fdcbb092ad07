# r1chat in a container, without a GPU:
#   docker build -t r1chat .
#   docker run --rm -it -v r1chat:/data r1chat
#   docker run --rm -v r1chat:/data r1chat ask "What is 44 + 41 + 25?"
#   docker run --rm -p 127.0.0.1:8000:8000 -v r1chat:/data r1chat serve --host 0.0.0.0
FROM python:3.13-slim-bookworm AS build

# Left alone it runs on any x86-64 processor with AVX2, and on any 64-bit ARM one; ON makes it
# faster on the machine that builds the image, and unfit for older ones.
ARG NATIVE=OFF

# Which version is installed is the distribution's to say: it has one.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
# llama.cpp first: it is compiled anew only when what it is compiled from changes.
COPY constraints.txt ./
COPY scripts/lib/only_llama.cmake scripts/lib/
RUN python -m venv /opt/r1chat \
    && CMAKE_ARGS="-DCMAKE_PROJECT_llama.cpp_INCLUDE=/src/scripts/lib/only_llama.cmake -DGGML_NATIVE=$NATIVE" \
    /opt/r1chat/bin/pip install --no-cache-dir --constraint constraints.txt llama-cpp-python
COPY pyproject.toml README.md LICENSE ./
COPY docs/r1chat.1 docs/
COPY themes themes
COPY r1chat r1chat
RUN /opt/r1chat/bin/pip install --no-cache-dir --constraint constraints.txt '.[serve]'

FROM python:3.13-slim-bookworm

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 r1chat \
    && install --directory --owner r1chat --group r1chat --mode 700 /data

COPY --from=build /opt/r1chat /opt/r1chat
# Settings, models and history outlive the container in one volume.
ENV PATH=/opt/r1chat/bin:$PATH R1CHAT_HOME=/data
VOLUME /data
USER 1000
WORKDIR /home/r1chat
EXPOSE 8000
ENTRYPOINT ["r1chat"]
