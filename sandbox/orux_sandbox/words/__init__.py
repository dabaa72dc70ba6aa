"""A language model's side of the gateways: chat and embeddings as OpenAI's clients speak them."""
