"""YEScale's classic video pages (yescale_more.md, 2): Kling, Runway, Luma, Pika."""
