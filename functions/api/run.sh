#!/bin/sh
# The handler of StreamFunction. The Lambda Web Adapter starts it, waits for AWS_LWA_READINESS_CHECK_PATH and forwards
# each request to this port. Lambda's own runtime, which would find the layer, does not run here.
cd "$LAMBDA_TASK_ROOT" || exit 1
export PYTHONPATH="$LAMBDA_TASK_ROOT:/opt/python:$LAMBDA_RUNTIME_DIR${PYTHONPATH:+:$PYTHONPATH}"
# The shell is replaced, so that the server itself receives the signal of a shutdown.
exec python -m uvicorn functions.api.streams.application:app --host 127.0.0.1 --port "$AWS_LWA_PORT" \
  --no-access-log --no-proxy-headers --no-server-header --log-level warning --lifespan off --timeout-keep-alive 3600
