"""What all readers share: bytes, JSON, logged values, rejections."""
