"""What jobs make: images, songs and clips, drawn from recipes. The same recipe gives the same bytes."""
