# The worker that follows the broker's streams (docs/deploy.md). The functions' images are built by
# Cloud Functions from Terraform's archive; this one by `gcloud builds submit --tag`.
FROM python:3.13-slim

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt

COPY common common
COPY infra infra
USER nobody
CMD ["python", "-m", "infra.worker"]
