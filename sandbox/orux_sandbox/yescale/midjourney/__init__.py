"""YEScale's Midjourney: the protocol of midjourney-proxy behind a gateway."""
