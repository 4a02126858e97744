"""What an agent file says wrongly, all of it at once, found when the file is read and not hours later."""
