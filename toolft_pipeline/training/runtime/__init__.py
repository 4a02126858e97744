"""The process that trains: device, memory, kernel caches, and a heartbeat while libraries are silent."""
