"""S3: photos as they were uploaded, and the variants that the CDN serves."""

from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from botocore.exceptions import ClientError

from reference_app.platform import aws
from reference_app.settings import Settings

UPLOADS = "uploads/"
UPLOAD_EXPIRES_S = 600
# The least that S3 offers; processed uploads are deleted at once.
UPLOADS_KEPT_DAYS = 1
# A variant's key never changes its content, so caches may keep it for ever.
CACHE_FOREVER = "public, max-age=31536000, immutable"


class Missing(Exception):
    """There is no object with that key."""


@dataclass(frozen=True)
class Objects:
    """A bucket. Calls that reach the network run in a thread: boto3 blocks."""

    s3: Any
    signer: Any  # makes URLs for phones, which may reach S3 under another name
    bucket: str

    @classmethod
    def connect(cls, settings: Settings, connections: int = 10) -> "Objects":
        s3 = aws.client("s3", settings, connections)
        public = settings.upload_endpoint_url
        signer = aws.client("s3", settings.model_copy(update={"aws_endpoint_url": public})) if public else s3
        return cls(s3, signer, settings.bucket)

    def create_bucket(self) -> None:
        """Where it is missing. An upload that nobody completes, or that ends after its photo was deleted, expires."""
        try:
            self.s3.create_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise
        expire = {"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": UPLOADS}}
        rules = [expire | {"Expiration": {"Days": UPLOADS_KEPT_DAYS}}]
        self.s3.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration={"Rules": rules})

    def presign_upload(self, key: str, bytes_max: int) -> tuple[str, dict[str, str]]:
        """URL and form fields with which a client may POST one JPEG, PNG or WebP of at most `bytes_max`."""
        post = self.signer.generate_presigned_post(
            self.bucket,
            key,
            Fields={"Content-Type": "image/jpeg"},
            Conditions=[["content-length-range", 1, bytes_max], {"Content-Type": "image/jpeg"}],
            ExpiresIn=UPLOAD_EXPIRES_S,
        )
        return post["url"], post["fields"]

    async def exists(self, key: str) -> bool:
        try:
            await to_thread.run_sync(lambda: self.s3.head_object(Bucket=self.bucket, Key=key))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise
        return True

    def get(self, key: str) -> bytes:
        """Raises Missing."""
        try:
            body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self.s3.exceptions.NoSuchKey as error:
            raise Missing(key) from error
        return body

    def put(self, key: str, body: bytes) -> None:
        kind = f"image/{key.rpartition('.')[2]}"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=kind, CacheControl=CACHE_FOREVER)

    def delete(self, keys: list[str]) -> None:
        """Keys that are not there do no harm. Raises RuntimeError when the store keeps one of them."""
        answer = self.s3.delete_objects(
            Bucket=self.bucket, Delete={"Objects": [{"Key": k} for k in keys], "Quiet": True}
        )
        if errors := answer.get("Errors"):
            raise RuntimeError(f"S3 did not delete {errors}")
