# One image for every service; the chart chooses with SERVICE (gateway, rag, … or standalone).
#   docker build -t flotilla .
#   docker run -p 8080:8080 -e FLOTILLA_HOST=0.0.0.0 flotilla
FROM alpine/helm:3.22.0 AS helm

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc nx.json tsconfig.base.json ./
COPY libs libs
COPY services services
COPY tools tools
COPY tests/package.json tests/
COPY bench/package.json bench/
COPY proto proto
RUN npm install --no-save --loglevel=error
RUN NX_DAEMON=false npx nx run-many -t build --exclude @flotilla/tests,@flotilla/bench \
  && npm prune --omit=dev --loglevel=error \
  && find libs services tools -name src -type d -prune -exec rm -rf {} +

FROM node:24-slim
# V8_FLAGS: much room for young objects suits services that stream; what holds many objects and does little is smaller with less.
ENV NODE_ENV=production SERVICE=standalone V8_FLAGS=--max-semi-space-size=64 FLOTILLA_DATA_DIR=/data
WORKDIR /app
COPY --from=build --chown=root:root /app /app
# What the fleet controller renders engines from, and with.
COPY charts/vllm-engine charts/vllm-engine
COPY --from=helm /usr/bin/helm /usr/local/bin/helm
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080 7000
# exec: the service is process 1 and gets SIGTERM itself, so that it drains its streams.
ENTRYPOINT ["/bin/sh", "-c", "exec node --enable-source-maps $V8_FLAGS services/$SERVICE/dist/main.js"]
