"""What all readers share: lines, JSON, logged values, rejections."""
