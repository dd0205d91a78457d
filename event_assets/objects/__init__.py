"""Object stores: what a folder is on a disk, a URL such as `s3://bucket/lake` is there (docs/adr/0014).

Knows no table and no dataset. Credentials are read by the client from the environment (AWS_ACCESS_KEY_ID and its
like); they never pass through here.
"""

from event_assets.objects.store import GoneError, Object, Objects, ObjectStoreError, brief
from event_assets.objects.url import ObjectUrl, Place, parse_place

__all__ = ["GoneError", "Object", "ObjectStoreError", "ObjectUrl", "Objects", "Place", "brief", "parse_place"]
