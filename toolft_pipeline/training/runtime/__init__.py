"""What training runs on: device, memory, kernel caches, and a heartbeat while libraries are silent."""
