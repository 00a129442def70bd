"""Photos: uploaded straight to S3, resized by the worker, served through the CDN."""
